"""Models whose chat template is broken or strict: what is said of the one, and what the other is never asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.benchmarks.models.make_model import make_model
from scripts.benchmarks.models.shapes import SHAPES
from tests.live_server import LiveServer, wait_until

BROKEN = "{% for message in messages %}{{ message.content.no.such.thing }}{% endfor %}"
UNREADABLE = "{% for message in messages %}"
ASKED = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}


def template_state(server: LiveServer) -> str | None:
    """What `/readyz` says of the only model's template."""
    ((_, model),) = server.get("/readyz")[1]["models"].items()
    state: str | None = model["chat_template"]
    return state


def told_template_state(server: LiveServer) -> str:
    return wait_until(lambda: template_state(server), "the trial of the template") or ""


@pytest.mark.parametrize(
    ("template", "logged"),
    [(BROKEN, "the chat template of m refuses even a"), (UNREADABLE, "the chat template of m is broken")],
)
def test_a_broken_template_is_told_before_any_request(tmp_path: Path, template: str, logged: str) -> None:
    make_model(tmp_path / "m.gguf", SHAPES["tiny"], chat_template=template)
    with LiveServer(model=tmp_path / "m.gguf", n_ctx=256, auth="keys") as server:
        assert told_template_state(server).startswith("broken: The model's chat template failed")
        wait_until(lambda: logged in server.log, "the log's word for it")
        status, body, _ = server.get("/readyz")
        assert (status, body["status"]) == (200, "ready")
        assert str(tmp_path) not in str(body)


def test_a_model_with_a_broken_template_still_completes(tmp_path: Path) -> None:
    make_model(tmp_path / "m.gguf", SHAPES["tiny"], chat_template=BROKEN)
    with LiveServer(model=tmp_path / "m.gguf", n_ctx=256, workers=1) as server:
        for _ in range(2):
            status, answer, _ = server.post("/v1/chat/completions", ASKED)
            assert (status, answer["error"]["param"]) == (400, "messages")
        assert server.post("/v1/completions", {"prompt": "Hi", "max_tokens": 1})[0] == 200
        assert server.log.count("the chat template of m") == 1
