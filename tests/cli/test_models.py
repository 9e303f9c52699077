"""`parley models` beside a server that runs, with fake engines, and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.protocol.runtime import RuntimeDir, Status
from tests.cli.running import run
from tests.live_server import CHECKOUT, wait_until
from tests.models.gguf_maker import make_gguf
from tests.processes import LISTEN, READY, FakeServer, write_model


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeServer]:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "found.gguf").write_bytes(make_gguf())
    (folder / "damaged.gguf").write_bytes(make_gguf()[:-20])
    source = str(write_model(tmp_path))
    models = [{"source": source, "id": "a", "aliases": ["x/y"]}, {"source": source, "id": "b", "load": "manual"}]
    loads = {"report": {"state": "needs", "memory_bytes": 5 << 20}}
    server = FakeServer(loads, LISTEN, READY, model=None, models=json.dumps(models), models_dir=folder)
    with server:
        wait_until(lambda: len(listed(server)) == 4, "the models of the folder")
        yield server


def parley(server: FakeServer, *arguments: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command beside the server, with the server's settings."""
    environ = {name: value for name, value in os.environ.items() if "PARLEY_" not in name}
    outcome = subprocess.run(
        [sys.executable, "-m", "server.cli.commands", "models", *arguments],
        cwd=CHECKOUT,
        env={**environ, **server.variables, "TMPDIR": str(server.directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == exit_code, outcome.stderr
    return outcome


def listed(server: FakeServer) -> dict[str, dict[str, Any]]:
    return {model["id"]: model for model in json.loads(parley(server, "list", "--json").stdout)}


def test_models_are_listed_with_their_states(server: FakeServer) -> None:
    found = listed(server)
    assert {name: model["state"] for name, model in found.items()} == {
        "a": "ready",
        "b": "unloaded",
        "damaged": "failed",
        "found": "unloaded",
    }
    assert found["a"]["memory_bytes"] == 5 << 20
    assert (found["a"]["aliases"], found["b"]["load"], found["found"]["load"]) == (["x/y"], "manual", "on-demand")
    lines = parley(server, "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["a", "ready"],
        ["b", "unloaded"],
        ["damaged", "failed"],
        ["found", "unloaded"],
    ]


def test_models_are_loaded_and_unloaded(server: FakeServer) -> None:
    assert parley(server, "load", "b").stdout == "b is ready.\n"
    assert listed(server)["b"]["state"] == "ready"
    assert parley(server, "unload", "x/y", "--force").stdout == "a is unloaded.\n"
    outcome = json.loads(parley(server, "load", "found", "--json", "--device", "cpu").stdout)
    assert (outcome["id"], outcome["state"]) == ("found", "ready")
    outcome = json.loads(parley(server, "unload", "found", "--no-wait", "--json").stdout)
    assert outcome["state"] in ("unloading", "unloaded")


def test_what_cannot_be_loaded_is_said_and_the_command_fails(server: FakeServer) -> None:
    assert "damaged.gguf" in parley(server, "load", "damaged", exit_code=1).stdout
    assert "there is no model 'nothing'" in parley(server, "load", "nothing", exit_code=1).stderr
    assert "There is no model 'nothing'" in parley(server, "info", "nothing", exit_code=1).stderr


def test_all_that_is_known_of_a_model_is_shown(server: FakeServer) -> None:
    shown = parley(server, "info", "x/y").stdout
    for line in ("id            a", "aliases       x/y", "state         ready", "load          start"):
        assert line in shown.splitlines()
    assert json.loads(parley(server, "info", "found", "--json").stdout)["source"].endswith("found.gguf")


@pytest.mark.usefixtures("no_settings_around")
def test_without_a_server_the_configured_models_are_listed_and_orders_fail(tmp_path: Path) -> None:
    variables = {"PARLEY_MODEL": "/m/a.gguf", "PARLEY_BIND": "127.0.0.1:1"}
    (model,) = json.loads(run("models", "list", "--json", **variables).output)
    assert (model["id"], model["state"], model["source"]) == ("a", "not running", "/m/a.gguf")
    result = run("models", "load", "a", **variables)
    assert result.exit_code == 1
    assert 'No server runs here with these settings (bind = "127.0.0.1:1")' in result.output


def test_a_runtime_directory_that_was_left_behind_is_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.protocol.runtime._short_parent", lambda: str(tmp_path))
    runtime = RuntimeDir.create()
    runtime.write_status(Status(bind="here"))
    found = RuntimeDir.find("here")
    assert found is not None
    assert found.path == runtime.path
    assert RuntimeDir.find("there") is None
    runtime.let_go()
    assert RuntimeDir.find("here") is None
