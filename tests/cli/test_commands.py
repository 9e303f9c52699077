"""`parley`: what its commands print, start and refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import __version__
from server.cli import commands as cli
from server.cli.doctor import Finding
from server.settings import Settings

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_settings_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PARLEY_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], Mapping[str, str]]]:
    """What the process would have become."""
    calls: list[tuple[str, list[str], Mapping[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    return calls


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(cli.main, arguments, env=variables, catch_exceptions=False)


def test_it_knows_its_version() -> None:
    assert run("--version").output == f"parley, version {__version__}\n"


# --- serve ----------------------------------------------------------------------------------------------------------


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
    assert set(cli.SERVE_OPTIONS) <= set(Settings.model_fields)


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
    monkeypatch.setattr(cli, "__file__", str(packages / "server" / "cli.py"))
    monkeypatch.setattr(metadata, "files", lambda _: metadata.PathDistribution(records).files)
    assert cli.find_gunicorn_config() == installed


# --- models ---------------------------------------------------------------------------------------------------------


def test_models_lists_what_is_configured(tmp_path: Path) -> None:
    present = tmp_path / "present.gguf"
    present.touch()
    (tmp_path / "parley.toml").write_text(
        '[[models]]\nsource = "./present.gguf"\naliases = ["gpt-4o", "mini"]\n'
        '[[models]]\nsource = "./gone.gguf"\nid = "second"\n'
        '[[models]]\nsource = "org/name-GGUF:*Q8_0.gguf"\n'
    )
    assert run("models").output.splitlines() == [
        "present (the default)",
        "  also called gpt-4o, mini",
        f"  {present}",
        "second",
        f"  {tmp_path / 'gone.gguf'} (no such file)",
        "name-GGUF",
        "  org/name-GGUF:*Q8_0.gguf on the Hugging Face hub",
    ]


@pytest.mark.parametrize("command", ["models", "doctor"])
def test_bad_settings_are_told_without_a_traceback(command: str) -> None:
    result = run(command, PARLEY_SLOTS="0")
    assert result.exit_code == 2
    assert result.stderr.startswith("Parley cannot start with these settings:\n  - slots = ")
    assert result.stdout == ""


def test_names_that_two_models_share_are_bad_settings_too() -> None:
    result = run("models", PARLEY_MODELS='[{"source": "a.gguf", "id": "x"}, {"source": "b.gguf", "id": "x"}]')
    assert result.exit_code == 2
    assert "'x'" in result.stderr


# --- doctor ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("second_is_good", "exit_code"), [(True, 0), (False, 1)])
def test_doctor_prints_its_findings_and_fails_when_one_is_bad(
    second_is_good: bool, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [Finding(True, "All is well."), Finding(second_is_good, "So is this.")]
    monkeypatch.setattr("server.cli.doctor.examine", lambda *_: iter(findings))
    result = run("doctor")
    assert result.output.splitlines() == ["ok   All is well.", f"{'ok  ' if second_is_good else 'BAD '} So is this."]
    assert result.exit_code == exit_code
