"""The start: HTTP at once, the model when it is ready, and exactly why when it never will be."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from server.models.source import demo_model_path
from tests.conformance.slow_client import STORY, RawStream
from tests.live_server import CHECKOUT, LiveServer, alive, wait_until

BODY = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
PATH = "/v1/chat/completions"
STATE = ("state", "progress", "message")


def demo_model() -> Path:
    path = demo_model_path()
    assert path is not None, "the demo model is not installed"
    return path


STOPPED_ENGINE = json.dumps(["sh", "-c", f"kill -STOP $$; exec {sys.executable} -m server.engine.host.process"])


@contextmanager
def loading_server() -> Iterator[LiveServer]:
    """One whose engine stands still before it begins to load."""
    server = LiveServer(waits=False, model=demo_model())
    server._command = ["env", f"_PARLEY_ENGINE_COMMAND={STOPPED_ENGINE}", *server._command]
    with server:
        wait_until(lambda: server.get("/readyz")[1]["models"], "the supervisor's first word")
        yield server


def test_requests_are_told_to_come_back_while_the_model_loads() -> None:
    with loading_server() as server:
        status, body, headers = server.get("/readyz")
        assert (status, body["status"]) == (503, "not ready")
        assert body["models"]["SmolLM2-135M-Instruct.Q4_1"]["state"] == "loading"
        (model,) = server.get("/v1/models")[1]["data"]
        told = body["models"][model["id"]]
        assert [model[name] for name in STATE] == [told[name] for name in STATE]
        assert model["capabilities"] == {"generates": True, "embeds": False, "tools": None, "reasoning": None}
        assert model["device"] is None
        assert int(headers["retry-after"]) >= 1
        status, body, headers = server.post(PATH, BODY)
        assert (status, body["error"]["code"]) == (503, "model_not_ready")
        assert "loading" in body["error"]["message"]
        status, body, _ = server.post("/tokenize", {"content": "Hello"})
        assert (status, body["error"]["code"]) == (503, "model_not_ready")
        assert int(headers["retry-after"]) >= 1


def missing(folder: Path) -> Path:
    return folder / "missing.gguf"


def truncated(folder: Path) -> Path:
    path = folder / "truncated.gguf"
    path.write_bytes(demo_model().read_bytes()[:50_000_000])
    return path


def something_else(folder: Path) -> Path:
    path = folder / "text.gguf"
    path.write_text("This is not a model.\n" * 1000)
    return path


def damaged(folder: Path) -> Path:
    """A well-formed file of the right length that llama.cpp itself must refuse."""
    path = folder / "damaged.gguf"
    key, string_of_5 = b"general.architecture", b"\x08\0\0\0\x05\0\0\0\0\0\0\0"
    data = demo_model().read_bytes()
    assert key + string_of_5 + b"llama" in data
    path.write_bytes(data.replace(key + string_of_5 + b"llama", key + string_of_5 + b"lambs", 1))
    return path


def test_an_adapter_that_is_missing_is_explained(tmp_path: Path) -> None:
    with LiveServer(waits=False, model=demo_model(), lora=tmp_path / "missing.gguf") as server:
        wait_until(lambda: "there is no LoRA adapter" in str(server.get("/readyz")[1]), "the reason")
        assert str(tmp_path / "missing.gguf") in str(server.get("/readyz")[1])


def failed_state(server: LiveServer) -> dict[str, Any] | None:
    """What `/readyz` says of the only model, if it is not just being tried again."""
    (state,) = server.get("/readyz")[1]["models"].values()
    return state if state["state"] == "failed" else None


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (missing, "there is no model file"),
        (truncated, "truncated"),
        (something_else, "is not a GGUF model"),
        (damaged, "lambs"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_explained_while_http_stays_up(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    with LiveServer(waits=False, model=make(tmp_path)) as server:
        wait_until(lambda: reason in str(server.get("/readyz")[1]), f"the reason {reason!r}")
        status, body, headers = server.post(PATH, BODY)
        assert (status, body["error"]["code"]) == (503, "model_not_ready")
        assert reason in body["error"]["message"]
        assert int(headers["retry-after"]) >= 1
        failed = wait_until(lambda: failed_state(server), "the end of a try")
        assert failed and failed["retry_at"] is not None
        model = wait_until(
            lambda: next(one for one in server.get("/v1/models")[1]["data"] if one["state"] == "failed"), "its state"
        )
        assert reason in model["message"]
        assert server.get("/healthz")[0] == 200
        assert server.stop() == 0


def test_a_model_that_is_put_right_is_loaded_without_a_restart(tmp_path: Path) -> None:
    path = missing(tmp_path)
    with LiveServer(waits=False, model=path) as server:
        wait_until(lambda: "there is no model file" in str(server.get("/readyz")[1]), "the failure")
        shutil.copy(demo_model(), path)
        server.wait_until_ready()
        assert server.post(PATH, BODY)[0] == 200


def knows_its_template(server: LiveServer, name: str) -> bool:
    """A worker tries it right after its start."""
    return server.get(f"/v1/models/{name}")[1]["capabilities"]["tools"] is not None


def test_two_models_have_an_engine_each(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.symlink_to(demo_model())
    config = tmp_path / "parley.toml"
    config.write_text(
        f"""
        [[models]]
        source = "{demo_model()}"
        id = "small/demo"
        aliases = ["gpt-4o-mini"]
        n_ctx = 512
        slots = 2

        [[models]]
        source = "{other}"
        threads = 1
        """
    )
    with LiveServer(config=config) as server:
        assert len(server.members("server.engine.host.process")) == 2
        assert [model["id"] for model in server.get("/v1/models")[1]["data"]] == ["small/demo", "other"]
        wait_until(lambda: all(knows_its_template(server, name) for name in ("small/demo", "other")), "the templates")
        for path in ("/v1/models/small/demo", "/v1/models/small%2Fdemo"):
            model = server.get(path)[1]
            assert model["meta"]["n_ctx"] == 512
            assert [model[name] for name in STATE] == ["ready", None, ""]
            assert model["device"] in ("cpu", "gpu")
            # Its template knows neither.
            features = {"tools": False, "reasoning": False}
            assert model["capabilities"] == {"generates": True, "embeds": False, **features}
        for name, answered in {"gpt-4o-mini": "small/demo", "other": "other", "small/demo": "small/demo"}.items():
            assert server.post(PATH, {**BODY, "model": name})[1]["model"] == answered


def test_bad_settings_stop_the_start_and_are_named() -> None:
    for command in ([sys.executable, "-m", "gunicorn"], [sys.executable, "-m", "server.cli.commands", "serve"]):
        environ = {"PATH": "/usr/bin:/bin", "PARLEY_SLOTS": "many", "PARLEY_COLOUR": "red"}
        result = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert "PARLEY_SLOTS" in result.stderr
        assert "PARLEY_COLOUR" in result.stderr
        assert "Traceback" not in result.stderr


def test_parley_serve_does_the_same_as_gunicorn() -> None:
    with LiveServer(command=[sys.executable, "-m", "server.cli.commands", "serve"]) as server:
        assert server.post(PATH, BODY)[0] == 200
        wait_until(lambda: f"curl {server.origin}" in server.log, "the invitation")
        assert server.stop(signal.SIGINT) == 0


def test_on_sigterm_running_streams_finish_and_new_requests_are_refused() -> None:
    with LiveServer(graceful_timeout_seconds=60) as server:
        with RawStream(server, {**STORY, "max_tokens": 300}) as stream, RawStream(server, STORY) as idle:
            stream.read_until(b'"content":"')
            idle.read_until(b'"content":"')
            family = server.family()
            family[0].send_signal(signal.SIGTERM)
            refused = wait_until(lambda: server.refusal(PATH, BODY), "the refusal of a new request")
            assert refused in ("shutting_down", "connection refused")
            stream.read_until(b"data: [DONE]\n\n")
            reasons = [document["choices"][0]["finish_reason"] for document in stream.documents()]
            assert reasons[-1] == "length"
        assert server.process is not None
        assert server.process.wait(120) == 0
        wait_until(lambda: not alive(family), "the end of all processes")


def test_streams_that_last_too_long_end_with_an_error_event() -> None:
    with LiveServer(graceful_timeout_seconds=4, n_ctx=20_000, slots=1) as server:
        with RawStream(server, {**STORY, "max_tokens": 18_000}) as stream:
            stream.read_until(b'"content":"')
            family = server.family()
            family[0].send_signal(signal.SIGTERM)
            stream.read_to_end()
            error = list(stream.documents())[-1]["error"]
            assert error["code"] == "shutting_down"
            assert "could not wait for the end of this request" in error["message"]
        assert server.process is not None
        assert server.process.wait(120) == 0
        wait_until(lambda: not alive(family), "the end of all processes")


def test_a_start_removes_what_a_server_left_behind_that_was_killed() -> None:
    with LiveServer(n_ctx=512) as server:
        temporary = Path(server.data_dir.name)
        (left_behind,) = temporary.glob("parley-????????")
        server.kill()
        assert left_behind.exists()
        server.start()
        (running,) = temporary.glob("parley-????????")
        assert running != left_behind
        assert server.stop() == 0
        assert not list(temporary.glob("*parley-????????"))
