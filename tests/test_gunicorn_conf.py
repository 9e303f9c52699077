"""gunicorn.conf.py as gunicorn reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live_server import CHECKOUT


def check(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Have gunicorn print its configuration instead of serving."""
    environ = {name: value for name, value in os.environ.items() if "PARLEY_" not in name} | variables
    command = [sys.executable, "-m", "gunicorn", "--print-config", *arguments, "tests.tiny_app:app"]
    return subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)


def values(run: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert run.returncode == 0, run.stderr
    lines = (line.partition("=") for line in run.stdout.splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def test_settings_reach_gunicorn() -> None:
    config = values(
        check(
            CHECKOUT,
            PARLEY_BIND="127.0.0.1:4321",
            PARLEY_WORKERS="3",
            PARLEY_GRACEFUL_TIMEOUT_SECONDS="17",
            PARLEY_LOG_LEVEL="warning",
        )
    )
    assert config["bind"] == "['127.0.0.1:4321']"
    assert (config["workers"], config["graceful_timeout"], config["loglevel"]) == ("3", "17", "warning")


def test_the_fixed_part_is_what_streams_need() -> None:
    config = values(check(CHECKOUT))
    assert config["wsgi_app"] == "server.app:create_app()"
    assert config["worker_class"] == "server.http.worker.ParleyWorker"
    assert config["keepalive"] == "75"
    assert config["control_socket_disable"] == "True"


@pytest.mark.parametrize(
    ("variables", "culprit"),
    [
        ({"PARLEY_SLOTS": "many"}, "slots"),
        ({"PARLEY_SLOT": "2"}, "PARLEY_SLOT"),
        ({"PARLEY_MODEL": "what is this"}, "what is this"),
        ({"PARLEY_CONFIG": "/no/such/file.toml"}, "/no/such/file.toml"),
    ],
)
def test_bad_settings_stop_the_start_with_a_sentence(variables: dict[str, str], culprit: str) -> None:
    run = check(CHECKOUT, **variables)
    assert run.returncode == 2
    assert culprit in run.stderr
    assert "Traceback" not in run.stderr


def test_it_can_be_used_from_any_directory(tmp_path: Path) -> None:
    config = values(check(tmp_path, "--config", str(CHECKOUT / "gunicorn.conf.py"), PYTHONPATH=str(CHECKOUT)))
    assert config["worker_class"] == "server.http.worker.ParleyWorker"


def test_the_server_starts_where_psycopg2_is_not_installed(tmp_path: Path) -> None:
    script = (
        "import runpy, sys; sys.modules.update(psycopg2=None, psycopg2cffi=None); runpy.run_path('gunicorn.conf.py')"
    )
    environ = {"PATH": "/usr/bin:/bin", "PARLEY_DATA_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
