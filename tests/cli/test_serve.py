"""`parley serve`: the process that it becomes, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from server.cli.serve import SERVE_OPTIONS, find_gunicorn_config
from server.settings import Settings
from tests.cli.running import run

CHECKOUT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("no_settings_around")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], Mapping[str, str]]]:
    """What the process would have become."""
    calls: list[tuple[str, list[str], Mapping[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    return calls


def test_serve_becomes_gunicorn_with_the_projects_configuration(started: list[Any]) -> None:
    run("serve")
    ((program, arguments, _),) = started
    assert program == sys.executable
    assert arguments == [sys.executable, "-m", "gunicorn", "--config", str(CHECKOUT / "gunicorn.conf.py")]


def test_options_of_serve_become_variables(started: list[Any]) -> None:
    run(
        "serve", "--bind", "0.0.0.0:80", "--n-ctx", "512", "--config", "x.toml", "--allow-public-bind", PARLEY_SLOTS="2"
    )
    environ = started[0][2]
    assert {name: value for name, value in environ.items() if name.startswith("PARLEY_")} == {
        "PARLEY_BIND": "0.0.0.0:80",
        "PARLEY_N_CTX": "512",
        "PARLEY_CONFIG": "x.toml",
        "PARLEY_ALLOW_PUBLIC_BIND": "true",
        "PARLEY_SLOTS": "2",
    }


def test_every_option_of_serve_is_a_setting() -> None:
    assert set(SERVE_OPTIONS) <= set(Settings.model_fields)


def test_an_unknown_option_of_serve_is_refused() -> None:
    result = run("serve", "--slot", "3")
    assert result.exit_code == 2
    assert "--slots" in result.output


def test_serve_with_bad_settings_says_so_and_exits_with_2(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from server.cli.commands import main; main()", "serve", "--slots", "many"]
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    outcome = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert outcome.returncode == 2
    assert 'slots = "many" (from PARLEY_SLOTS): must be a whole number from 1 to 256' in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_an_installed_package_finds_gunicorns_configuration_among_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "lib" / "site-packages"
    records = packages / "parley-0.1.0.dist-info"
    records.mkdir(parents=True)
    (records / "RECORD").write_text("server/cli/commands.py,,\n../../share/parley/gunicorn.conf.py,,\n")
    installed = tmp_path / "share/parley/gunicorn.conf.py"
    installed.parent.mkdir(parents=True)
    installed.touch()  # from Python 3.12 on, files that are gone are not among a package's
    monkeypatch.setattr("server.cli.serve.__file__", str(packages / "server" / "cli" / "serve.py"))
    monkeypatch.setattr(metadata, "files", lambda _: metadata.PathDistribution(records).files)
    assert find_gunicorn_config() == installed
