"""Models of a folder, which come and go while the server runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.test_loading import CHAT, chat, source, states, wait_for
from tests.live_server import LiveServer, wait_until
from tests.models.gguf_maker import make_gguf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    shutil.copy(source(), tmp_path / "sub" / "demo.gguf")
    (tmp_path / "adapter.gguf").write_bytes(make_gguf({"general.architecture": "llama", "general.type": "adapter"}))
    (tmp_path / "damaged.gguf").write_bytes(make_gguf()[:-20])
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[LiveServer]:
    with LiveServer(slots=1, n_ctx=256, workers=2, models_dir=folder) as server:
        wait_until(lambda: _all_know(server, {"damaged", "demo"}), "the models of the folder")
        yield server


def _all_know(server: LiveServer, names: set[str]) -> bool:
    """Whether workers, whichever of them answers, have these models."""
    return all(set(states(server)) == names for _ in range(10))


def test_a_model_of_a_folder_is_served_on_demand_and_a_damaged_one_says_what_is_wrong(server: LiveServer) -> None:
    assert states(server) == {"damaged": "failed", "demo": "unloaded"}
    assert server.get("/readyz")[0] == 200
    assert "damaged.gguf" in server.get("/readyz")[1]["models"]["damaged"]["message"]
    assert server.post(CHAT, chat("demo"))[0] == 200
    status, answer, _ = server.post(CHAT, chat("damaged"))
    assert (status, answer["error"]["code"]) == (503, "model_not_ready")
    assert "damaged.gguf" in answer["error"]["message"]
    assert server.post(CHAT, chat("adapter"))[0] == 404


def test_models_come_and_go_with_their_files(server: LiveServer, folder: Path) -> None:
    shutil.copy(source(), folder / "new.part")
    (folder / "new.part").rename(folder / "new.gguf")
    wait_until(lambda: _all_know(server, {"damaged", "demo", "new"}), "the new model")
    assert server.post(CHAT, chat("new"))[0] == 200
    (folder / "new.gguf").unlink()
    wait_until(lambda: _all_know(server, {"damaged", "demo"}), "its end")
    wait_until(lambda: not server.members("server.engine.host.process"), "the end of its engine")
    assert server.post(CHAT, chat("new"))[0] == 404
    shutil.copy(source(), folder / "damaged.part")
    (folder / "damaged.part").rename(folder / "damaged.gguf")
    wait_for(server, "damaged", "unloaded")
    assert server.post(CHAT, chat("damaged"))[0] == 200


def test_a_request_that_names_no_model_gets_the_first_one_of_the_folder(tmp_path: Path) -> None:
    shutil.copy(source(), tmp_path / "only.gguf")
    with LiveServer(slots=1, n_ctx=256, models_dir=tmp_path) as server:
        wait_until(lambda: states(server), "the model of the folder")
        body = {key: value for key, value in chat("").items() if key != "model"}
        assert server.post(CHAT, body)[1]["model"] == "only"
        for worker in server.workers:
            worker.kill()
        wait_until(lambda: _answers(server), "a new worker")
        assert states(server) == {"only": "ready"}


def test_an_empty_folder_is_a_server_that_is_ready_and_has_no_model(tmp_path: Path) -> None:
    with LiveServer(slots=1, n_ctx=256, models_dir=tmp_path) as server:
        assert server.get("/v1/models")[1]["data"] == []
        assert server.post(CHAT, {"messages": [{"role": "user", "content": "Hi"}]})[0] == 404
        assert server.stop() == 0


def test_models_of_the_settings_come_first_and_are_not_found_again(folder: Path) -> None:
    with LiveServer(slots=1, n_ctx=256, model=folder / "sub" / "demo.gguf", models_dirs=folder) as server:
        wait_until(lambda: len(states(server)) == 2, "the models of the folder")
        assert states(server) == {"demo": "ready", "damaged": "failed"}


def _answers(server: LiveServer) -> bool:
    try:
        return bool(states(server))
    except OSError:
        return False
