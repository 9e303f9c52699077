"""Models whose chat template is broken, of which operators are told, or strict, which strands no conversation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from scripts.benchmarks.models.make_model import make_model
from scripts.benchmarks.models.shapes import SHAPES
from tests.chat.chat_templates import as_transformers
from tests.live_server import LiveServer, wait_until

BROKEN = "{% for message in messages %}{{ message.content.no.such.thing }}{% endfor %}"
UNREADABLE = "{% for message in messages %}"
STRICT = """{{ bos_token }}
{%- if messages[0].role == "system" %}
    {%- set system_message = messages[0].content %}
    {%- set messages = messages[1:] %}
{%- endif %}
{%- for message in messages %}
    {%- if message.role not in ("user", "assistant") %}
        {{- raise_exception("Only user and assistant roles are supported, after an initial system message!") }}
    {%- endif %}
    {%- if (message.role == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif %}
    {%- if message.role == "user" %}
        {{- "[INST] " + (system_message + "\n\n" if loop.first and system_message else "") }}
        {{- message.content + "[/INST]" }}
    {%- elif message.content | trim %}
        {{- " " + message.content | trim + eos_token }}
    {%- else %}
        {{- raise_exception("Assistant messages must not be empty!") }}
    {%- endif %}
{%- endfor %}"""
"""As of Mistral's models."""

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


# --- strict ---------------------------------------------------------------------------------------------------------


NOTHING: dict[str, Any] = {"logit_bias": {"2": 100}}
"""What makes the model end its text at once."""


def message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    path = tmp_path_factory.mktemp("strict") / "m.gguf"
    # Room for what the model may say until it is cancelled.
    make_model(path, dataclasses.replace(SHAPES["tiny"], n_ctx_train=32_768), chat_template=STRICT)
    with LiveServer(model=path, n_ctx=32_768, slots=1) as server:
        yield server


class Talk:
    """One stored conversation."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._id = self._post("/v1/conversations", {})["id"]

    def turn(self, *said: dict[str, str], **options: Any) -> dict[str, Any]:
        """The response to what is said."""
        asked = {"conversation": self._id, "input": list(said), "max_output_tokens": 4, **options}
        return self._post("/v1/responses", asked)

    def add(self, *said: dict[str, str]) -> None:
        """Messages that nobody answers."""
        self._post(f"/v1/conversations/{self._id}/items", {"items": list(said)})

    def cancelled_turn(self) -> None:
        """One that is cancelled before it has said much."""
        said = message("user", "Tell me a story.")
        begun = self.turn(said, background=True, ignore_eos=True, max_output_tokens=1500)
        assert self._post(f"/v1/responses/{begun['id']}/cancel", {})["status"] == "cancelled"

    def _post(self, path: str, body: object) -> dict[str, Any]:
        status, answer, _ = self._server.post(path, body)
        assert status == 200, answer
        return answer


@pytest.mark.parametrize(
    "messages",
    [
        [message("user", "a"), message("user", "b")],
        [message("user", "a"), message("assistant", ""), message("user", "b")],
        [message("user", "a"), message("developer", "b")],
        [message("system", "a"), message("system", "b"), message("user", "c")],
        [message("assistant", "a"), message("user", "b")],
    ],
)
def test_the_strict_template_refuses(messages: list[dict[str, str]]) -> None:
    with pytest.raises(jinja2.TemplateError):
        as_transformers(STRICT, messages, bos_token="<s>", eos_token="</s>")


def test_a_stored_conversation_goes_on_whatever_is_in_it_and_whatever_the_template_takes(
    strict_server: LiveServer,
) -> None:
    talk = Talk(strict_server)
    talk.turn(message("developer", "Be brief."), message("user", "Who are you?"))
    assert talk.turn(message("user", "Say nothing."), **NOTHING)["output"][0]["content"][0]["text"] == ""
    talk.turn(message("user", "Hello?"))
    talk.cancelled_turn()
    talk.turn(message("user", "Go on."))
    talk.turn(message("developer", "Be rude from now on."))
    talk.turn(message("user", "One."), message("user", "Two."))
    talk.add(message("user", "Nobody answered this."), message("assistant", ""), message("system", "Nor this."))
    talk.cancelled_turn()
    talk.cancelled_turn()
    last = talk.turn(message("user", "Are you still there?"), instructions="Be kind again.")
    assert last["status"] in ("completed", "incomplete")
    assert last["usage"]["output_tokens"] > 0


def test_it_goes_on_if_it_begins_with_what_the_template_refuses(strict_server: LiveServer) -> None:
    for first in (message("assistant", ""), message("assistant", "Welcome."), message("developer", "Be brief.")):
        talk = Talk(strict_server)
        talk.add(first, message("system", "Be kind."))
        talk.cancelled_turn()
        assert talk.turn(message("user", "Hello?"))["output"]
