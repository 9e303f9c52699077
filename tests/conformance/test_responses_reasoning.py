"""Reasoning as items of a response, with the official client; the model says what the question tells it to."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response

from tests.conformance.slow_client import RawStream
from tests.conformance.test_responses import events_of
from tests.live_server import LiveServer, wait_until

THOUGHT = "<think>\nHm.\n</think>\n\nYes."


def ask(client: OpenAI, text: str = THOUGHT, **options: Any) -> Any:
    return client.responses.create(model="thinking", input=f"Say «{text}»", **options)


@pytest.mark.parametrize("store", [True, False])
def test_reasoning_is_an_item_of_its_own(saying: OpenAI, store: bool) -> None:
    response = ask(saying, store=store, reasoning={"effort": "low"})
    Response.model_validate(response.model_dump(by_alias=True), strict=True)
    reasoning, message = response.output
    assert (reasoning.type, reasoning.status, reasoning.content[0].text) == ("reasoning", "completed", "Hm.")
    assert (reasoning.id[:3], reasoning.summary, reasoning.encrypted_content) == ("rs_", [], None)
    assert (message.type, response.output_text) == ("message", "Yes.")
    assert response.usage.output_tokens_details.reasoning_tokens == len("<think>\nHm.\n</think>")
    if store:
        assert saying.responses.retrieve(response.id).model_dump() == response.model_dump()


@pytest.mark.parametrize("store", [True, False])
def test_it_is_streamed_in_openais_order(saying: OpenAI, store: bool) -> None:
    events = events_of(ask(saying, store=store, stream=True))
    kinds = [event.type.removeprefix("response.") for event in events]
    once = [kind for number, kind in enumerate(kinds) if number == 0 or kinds[number - 1] != kind]
    assert once == [
        *("created", "in_progress"),
        *("output_item.added", "content_part.added", "reasoning_text.delta"),
        *("reasoning_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert "".join(event.delta for event in events if event.type == "response.reasoning_text.delta") == "Hm."


SUMMARY: dict[str, Any] = {"reasoning": {"summary": "auto"}}


@pytest.mark.parametrize("store", [True, False])
def test_a_summary_is_the_thoughts_where_one_is_asked_for(saying: OpenAI, store: bool) -> None:
    response = ask(saying, store=store, **SUMMARY)
    Response.model_validate(response.model_dump(by_alias=True), strict=True)
    assert response.reasoning.summary == "auto"
    assert [part.text for part in response.output[0].summary] == ["Hm."]
    assert [part.text for part in response.output[0].content] == ["Hm."]
    events = events_of(ask(saying, store=store, stream=True, **SUMMARY))
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds[2:4] == ["output_item.added", "reasoning_summary_part.added"]
    assert "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta") == "Hm."
    assert not any(kind.startswith("reasoning_text") for kind in kinds)  # who shows both would show it twice
    assert events[-1].response.output[0].summary == response.output[0].summary
    if store:
        assert saying.responses.retrieve(response.id).model_dump() == response.model_dump()


def test_a_summary_is_followed_and_replayed(saying: OpenAI) -> None:
    told = events_of(ask(saying, stream=True, **SUMMARY))
    again = events_of(saying.responses.retrieve(told[0].response.id, stream=True, starting_after=2), 3)
    assert [event.model_dump() for event in again] == [event.model_dump() for event in told[3:]]
    whole = ask(saying, **SUMMARY)
    replayed = events_of(saying.responses.retrieve(whole.id, stream=True))
    assert [event.text for event in replayed if event.type == "response.reasoning_summary_text.done"] == ["Hm."]


def test_the_clients_stream_helper_follows_a_summary(saying: OpenAI) -> None:
    with saying.responses.stream(model="thinking", input=f"Say «{THOUGHT}»", **SUMMARY) as stream:
        reasoning = stream.get_final_response().output[0]
    assert reasoning.type == "reasoning"
    assert [part.text for part in reasoning.summary] == ["Hm."]


def test_what_a_client_keeps_of_a_summary_is_seen_by_the_model(saying: OpenAI) -> None:
    first = ask(saying, store=False, **SUMMARY)
    reasoning = first.output[0].model_dump(exclude={"id", "content", "status", "encrypted_content"})
    items = [reasoning, {"role": "user", "content": f"Say «{THOUGHT}»"}]
    options: dict[str, Any] = {"model": "thinking", "input": items, "store": False}
    assert saying.responses.create(**options).output_text == "Yes."
    with_it, without = (
        saying.responses.input_tokens.count(model="thinking", input=given).input_tokens for given in (items, items[1:])
    )
    assert with_it > without


def test_a_stored_stream_can_be_read_again_from_any_event(saying: OpenAI) -> None:
    events = events_of(ask(saying, stream=True))
    for after in (0, 3, 7, len(events) - 2):
        again = events_of(
            saying.responses.retrieve(events[0].response.id, stream=True, starting_after=after), after + 1
        )
        assert [event.model_dump() for event in again] == [event.model_dump() for event in events[after + 1 :]]


def test_the_clients_stream_helpers_end_well(saying_server: LiveServer, saying: OpenAI) -> None:
    options: dict[str, Any] = {"model": "thinking", "input": f"Say «{THOUGHT}»"}
    with saying.responses.stream(**options) as stream:
        assert [item.type for item in stream.get_final_response().output] == ["reasoning", "message"]

    async def talk() -> str:
        async with (
            AsyncOpenAI(base_url=saying_server.base_url, api_key="none", max_retries=0) as other,
            other.responses.stream(**options) as stream,
        ):
            return (await stream.get_final_response()).output_text

    assert asyncio.run(talk()) == "Yes."


def test_what_was_thought_can_be_carried_by_the_client(saying: OpenAI) -> None:
    first = ask(saying, store=False, include=["reasoning.encrypted_content"])
    assert first.output[0].encrypted_content
    # As Codex does: the items that it got, without ids and without what it does not show.
    reasoning = {**first.output[0].model_dump(exclude={"id", "content", "status"})}
    message = first.output[1].model_dump(exclude={"id"})
    items = [{"role": "user", "content": "hi"}, reasoning, message, {"role": "user", "content": f"Say «{THOUGHT}»"}]
    options: dict[str, Any] = {"model": "thinking", "input": items, "store": False}
    assert saying.responses.create(**options, include=["reasoning.encrypted_content"]).output_text == "Yes."


def test_it_stays_in_the_conversation(saying: OpenAI) -> None:
    conversation = saying.conversations.create()
    for _ in range(2):
        ask(saying, conversation=conversation.id)
    items = list(saying.conversations.items.list(conversation.id, order="asc"))
    assert [item.type for item in items] == ["message", "reasoning", "message"] * 2


def test_a_client_that_leaves_in_the_middle_of_a_thought_leaves_it_incomplete(
    saying_server: LiveServer, saying: OpenAI
) -> None:
    conversation = saying.conversations.create()
    thought = "<think>" + "So far. " * 3000
    body = {"model": "thinking", "input": f"Say «{thought}»", "conversation": conversation.id, "stream": True}
    with RawStream(saying_server, body, "/v1/responses") as stream:
        stream.read_until(b"reasoning_text.delta")
        created = next(iter(stream.documents()))["response"]["id"]
    left = wait_until(lambda: _ended(saying, created), "its end")
    assert left.status == "incomplete"
    (reasoning,) = left.output
    assert reasoning.status == "incomplete"
    assert reasoning.content[0].text
    assert thought.removeprefix("<think>").startswith(reasoning.content[0].text)
    assert ask(saying, conversation=conversation.id).output_text == "Yes."


def _ended(client: OpenAI, response_id: str) -> Any:
    response = client.responses.retrieve(response_id)
    return None if response.status == "in_progress" else response


def test_what_is_thought_about_a_summary_is_no_part_of_it(saying: OpenAI) -> None:
    made = saying.responses.compact(model="thinking", input=f"Say «{THOUGHT}»")
    *_, item = made.output
    assert b'"summary":"Yes."' in base64.urlsafe_b64decode(item.encrypted_content)  # type: ignore[union-attr, arg-type]


THINKING = "<think>\nHm. {\n</think>\n\n"
BEGUN_CALL = '<tool_call>\n{"name": "be", "arguments": {'
SURE: dict[str, Any] = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}},
    "required": ["sure"],
    "additionalProperties": False,
}
AS_SURE: dict[str, Any] = {"text": {"format": {"type": "json_schema", "name": "sure", "schema": SURE}}}
BE_SURE: dict[str, Any] = {
    "tools": [{"type": "function", "name": "be", "parameters": SURE, "strict": True}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("demand", "kind"), [(AS_SURE, "message"), (BE_SURE, "function_call")])
def test_what_is_demanded_follows_the_reasoning(
    saying: OpenAI, demand: dict[str, Any], kind: str, streams: bool
) -> None:
    begun = "{" if kind == "message" else BEGUN_CALL

    def answer(limit: int, behind: str) -> Any:
        said = f"Say «{THINKING}{behind}»"
        given: Any = saying.responses.create(
            model="thinking", input=said, max_output_tokens=limit, **demand, stream=streams
        )
        return events_of(given)[-1].response if streams else given

    for behind in ("I would rather not.", f"{begun}not"):
        response = answer(1000, behind)
        reasoning, item = response.output
        assert (response.status, reasoning.content[0].text, item.type) == ("completed", "Hm. {", kind)
        assert json.loads(response.output_text or item.arguments)["sure"] in (True, False)
    for limit, kinds in ((12, ["reasoning"]), (len(THINKING + begun) + 1, ["reasoning", kind])):
        response = answer(limit, f"{begun}not")
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert [item.type for item in response.output] == kinds
        assert response.output[-1].status == "incomplete"
