"""Requests that were made to cost the server much more than the client: each is answered, and the server goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from schemas.requests import BODIES
from tests.live_server import LiveServer
from tests.thinking_model import write_thinking_model

CHAT = "/v1/chat/completions"
HELLO = {"role": "user", "content": "Hello"}


DEEP_TEMPLATE = """{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}
{{ ns.x }}"""


@pytest.fixture(autouse=True)
def goes_on(server: LiveServer) -> Iterator[None]:
    """The same worker answers afterwards."""
    num_started = server.log.count("Booting worker")
    yield
    assert server.post(CHAT, {"messages": [HELLO], "max_tokens": 1})[0] == 200
    assert server.log.count("Booting worker") == num_started


def ask(server: LiveServer, **params: Any) -> tuple[int, dict[str, Any]]:
    status, answer, _ = server.post(CHAT, {"messages": [HELLO], "max_tokens": 1, **params})
    return status, answer


def function(parameters: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": parameters, **others}}


def test_a_schema_that_repeats_what_is_required(server: LiveServer) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(18):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"] * 4}
    named = {"name": "x", "schema": {"$ref": "#/$defs/x", "$defs": {"x": schema}}}
    assert ask(server, response_format={"type": "json_schema", "json_schema": named})[0] == 200


@pytest.mark.parametrize("is_strict", [False, True])
def test_functions_with_a_chain_of_a_thousand_references(server: LiveServer, is_strict: bool) -> None:
    links = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(1000)}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "required": ["a"]}
    schema["$defs"] = {**links, "d1000": {"type": "string"}}
    status, answer = ask(server, tools=[function(schema, strict=is_strict)])
    assert status in (200, 400)
    assert status == 200 or answer["error"]["type"] == "invalid_request_error"


def test_a_pattern_of_ten_thousand_classes(server: LiveServer) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "[a-c\\d]" * 10_000}}}
    status, answer = ask(server, tools=[function(schema)])
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded")  # models read it, too
    status, answer = ask(server, tools=[function(schema, strict=True)])
    assert (status, answer["error"]["param"]) == (400, "tools[0].function.parameters.properties.a.pattern")


def test_a_grammar_of_line_breaks(server: LiveServer) -> None:
    status, answer = ask(server, grammar="\n" * 60_000)
    assert (status, answer["error"]["param"]) == (400, "grammar")


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("body", ["1e999", "NaN", "9" * 5000, '"\\ud800"', "[" * 5000], ids=lambda body: body[:9])
def test_a_body_that_is_no_object(server: LiveServer, path: str, body: str) -> None:
    path = path.format(conversation_id="conv_1", prompt_id="pmpt_1", model="nothing")
    status, answer, _ = server.request("POST", path, body.encode())
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("limit", ["1e999", "NaN", "9" * 3000, "[" * 1000])
def test_a_limit_that_is_no_number(server: LiveServer, limit: str) -> None:
    status, answer, _ = server.request("GET", f"/v1/conversations?limit={limit}")
    assert (status, answer["error"]["param"]) == (400, "limit")


def test_a_thousand_references_to_one_item(server: LiveServer, client: OpenAI) -> None:
    conversation = client.conversations.create(items=[{"type": "message", "role": "user", "content": "x" * 500_000}])
    [item] = client.conversations.items.list(conversation.id).data
    references: Any = [{"type": "item_reference", "id": item.id}] * 1000
    with pytest.raises(BadRequestError) as refused:
        client.responses.create(model="SmolLM2-135M-Instruct", input=references, store=False)
    assert (refused.value.code, refused.value.param) == ("duplicate_item", "input")
    assert len(json.dumps(references)) < 100_000


def test_a_template_that_prints_a_list_without_end(tmp_path: Path) -> None:
    model = write_thinking_model(tmp_path / "deep.gguf", DEEP_TEMPLATE)
    with LiveServer(model=model, slots=1, n_ctx=512) as other:
        for _ in range(2):
            status, answer = ask(other)
            assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
            assert "loop turns" in answer["error"]["message"]
        assert other.log.count("Booting worker") == 1
