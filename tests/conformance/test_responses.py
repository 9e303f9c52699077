"""`client.responses` of the official client against the demo model; bodies and events in the client's own types."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import TypeAdapter

from tests.conformance.slow_client import RawStream
from tests.live_server import LiveServer, wait_until

MODEL = "SmolLM2-135M-Instruct"
KIND = "You are a helpful assistant."
QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
PATH = "/v1/responses"

ANY_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
FOREVER: dict[str, Any] = {"max_output_tokens": 1500, "extra_body": {"ignore_eos": True}, "input": "Tell me a story."}


def ask(client: OpenAI, **options: Any) -> Any:
    defaults = {"model": MODEL, "input": QUESTION, "instructions": KIND, "temperature": 0, "max_output_tokens": 24}
    return client.responses.create(**{**defaults, **options})


def events_of(stream: Iterable[Any], first: int = 0) -> list[Any]:
    """The events of a stream, after a check of what must be true of each."""
    events = list(stream)
    for event in events:
        ANY_EVENT.validate_python(event.model_dump(by_alias=True), strict=True)
    assert [event.sequence_number for event in events] == list(range(first, first + len(events)))
    return events


def text_of(events: list[Any]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def stored_items(client: OpenAI, conversation_id: str) -> list[Any]:
    return list(client.conversations.items.list(conversation_id, order="asc"))


# --- whole and streamed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", [True, False])
def test_the_model_answers(client: OpenAI, store: bool) -> None:
    response = ask(client, store=store, metadata={"a": "b"})
    Response.model_validate(response.model_dump(by_alias=True), strict=True)
    assert response.output_text == ANSWER
    assert (response.status, response.store, response.metadata) == ("completed", store, {"a": "b"})
    assert response.usage.output_tokens == 8
    assert response.usage.total_tokens == response.usage.input_tokens + 8
    assert response.id.startswith("resp_")
    assert response.output[0].id.startswith("msg_")


@pytest.mark.parametrize("store", [True, False])
def test_a_stream_says_the_same_in_openais_order(client: OpenAI, store: bool) -> None:
    events = events_of(ask(client, store=store, stream=True))
    kinds = [event.type.removeprefix("response.") for event in events]
    num_deltas = kinds.count("output_text.delta")
    assert kinds == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *["output_text.delta"] * num_deltas,
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert text_of(events) == events[-1].response.output_text == ANSWER
    assert len({event.response.id for event in events if hasattr(event, "response")}) == 1


@pytest.mark.parametrize("store", [True, False])
def test_the_clients_stream_helper_ends_well(client: OpenAI, store: bool) -> None:
    with client.responses.stream(
        model=MODEL, input=QUESTION, instructions=KIND, temperature=0, max_output_tokens=24, store=store
    ) as stream:
        assert stream.get_final_response().output_text == ANSWER


def test_the_async_client_works_whole_and_streamed(server: LiveServer) -> None:
    async def talk() -> tuple[str, str]:
        options: dict[str, Any] = {"model": MODEL, "input": QUESTION, "instructions": KIND, "temperature": 0}
        async with AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
            whole = await client.responses.create(**options, max_output_tokens=24)
            async with client.responses.stream(**options, max_output_tokens=24) as stream:
                return whole.output_text, (await stream.get_final_response()).output_text

    assert asyncio.run(talk()) == (ANSWER, ANSWER)


def test_events_are_named_outside_of_their_data_too(server: LiveServer) -> None:
    with RawStream(server, {"input": "hi", "max_output_tokens": 2, "stream": True}, PATH) as raw:
        received = raw.read_until(b'"type":"response.incomplete"')
    assert b"event: response.created\ndata: {" in received


def test_the_token_limit_makes_a_response_incomplete(client: OpenAI) -> None:
    for store in (True, False):
        response = ask(client, max_output_tokens=3, store=store)
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert response.output[0].status == "incomplete"
    assert events_of(ask(client, max_output_tokens=3, stream=True))[-1].type == "response.incomplete"


def test_logprobs_are_there_when_asked(client: OpenAI) -> None:
    response = ask(client, include=["message.output_text.logprobs"], top_logprobs=2)
    logprobs = response.output[0].content[0].logprobs
    assert "".join(token.token for token in logprobs) == ANSWER
    assert all(len(token.top_logprobs) == 2 for token in logprobs)
    events_of(ask(client, include=["message.output_text.logprobs"], top_logprobs=2, stream=True))


def test_items_of_all_kinds_are_understood(client: OpenAI) -> None:
    items = [
        {"role": "developer", "content": "Answer in one word."},
        {"role": "user", "content": [{"type": "input_text", "text": "Call the tool."}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "42"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "42", "annotations": []}]},
        {"role": "user", "content": "Thanks."},
    ]
    response = ask(client, input=items, max_output_tokens=4)
    assert response.output_text
    listed = list(client.responses.input_items.list(response.id, order="asc", limit=3))
    assert [item.type for item in listed] == [
        *("message", "message", "reasoning", "function_call", "function_call_output", "web_search_call"),
        *("message", "message"),
    ]


def test_an_item_that_nobody_knows_is_kept_and_not_seen(client: OpenAI) -> None:
    known = {"role": "user", "content": QUESTION}
    items: list[Any] = [known, {"type": "from_the_future", "thoughts": ["something else"]}]
    response = ask(client, input=items)
    assert response.output_text == ANSWER
    assert response.usage.input_tokens == ask(client, input=[known]).usage.input_tokens
    (kept, _) = client.responses.input_items.list(response.id)
    assert kept.model_dump()["thoughts"] == ["something else"]


def test_what_this_server_never_has_may_be_asked_for(client: OpenAI) -> None:
    names = ("file_search_call.results", "message.input_image.image_url", "computer_call_output.output.image_url")
    plain, asked = ask(client, store=False), ask(client, store=False, include=names)
    own = {"id", "created_at", "completed_at", "usage", "timings"}
    shapes = [response.model_dump(exclude=own) for response in (plain, asked)]
    for shape in shapes:
        shape["output"][0].pop("id")
    assert shapes[0] == shapes[1]


def test_tools_that_only_openai_hosts_are_passed_over(client: OpenAI) -> None:
    tools: list[Any] = [{"type": "web_search"}, {"type": "custom", "name": "x"}, {"type": "local_shell"}]
    assert ask(client, tools=tools, store=False, include=["reasoning.encrypted_content"]).output_text == ANSWER


# --- what lasts -----------------------------------------------------------------------------------------------------


def test_a_response_can_be_looked_at_and_deleted(client: OpenAI) -> None:
    made = ask(client)
    assert client.responses.retrieve(made.id).model_dump() == made.model_dump()
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_what_is_not_stored_is_gone(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(ask(client, store=False).id)


def test_neither_is_what_it_was_asked_and_answered(client: OpenAI) -> None:
    asked = {"type": "message", "id": "msg_only_for_once", "role": "user", "content": QUESTION}
    response = ask(client, input=[asked], store=False)
    for item_id in ("msg_only_for_once", response.output[0].id):
        with pytest.raises(openai.NotFoundError, match=item_id):
            ask(client, input=[{"type": "item_reference", "id": item_id}], store=False)


def test_a_response_goes_on_from_the_one_before(client: OpenAI) -> None:
    first = ask(client)
    second = ask(client, input="Thank you.", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    third = client.responses.input_tokens.count(model=MODEL, input="x", previous_response_id=second.id)
    alone = client.responses.input_tokens.count(model=MODEL, input="x")
    assert third.input_tokens > alone.input_tokens + 20


def test_a_conversation_grows_with_each_response(client: OpenAI) -> None:
    conversation = client.conversations.create()
    for _ in range(2):
        response = ask(client, conversation=conversation.id)
        assert response.conversation.id == conversation.id
    items = stored_items(client, conversation.id)
    assert [item.role for item in items] == ["user", "assistant"] * 2
    assert items[-1].id == response.output[0].id
    assert [item.content[0].text for item in items] == [QUESTION, ANSWER] * 2


def test_an_item_can_be_referred_to(client: OpenAI) -> None:
    conversation = client.conversations.create(items=[{"role": "user", "content": QUESTION, "type": "message"}])
    (item,) = stored_items(client, conversation.id)
    assert ask(client, input=[{"type": "item_reference", "id": item.id}]).output_text == ANSWER
    with pytest.raises(openai.NotFoundError):
        ask(client, input=[{"type": "item_reference", "id": "msg_unknown"}])


def test_a_stored_stream_can_be_read_again_from_any_event(client: OpenAI) -> None:
    events = events_of(ask(client, stream=True))
    response_id = events[0].response.id
    for after in (0, 5, len(events) - 2):
        again = events_of(client.responses.retrieve(response_id, stream=True, starting_after=after), after + 1)
        assert [event.model_dump() for event in again] == [event.model_dump() for event in events[after + 1 :]]


def test_a_response_that_was_not_streamed_can_be_read_as_a_stream(client: OpenAI) -> None:
    events = events_of(client.responses.retrieve(ask(client).id, stream=True))
    assert text_of(events) == ANSWER
    assert events[-1].type == "response.completed"


# --- in the background ----------------------------------------------------------------------------------------------


def test_a_background_response_goes_on_alone(client: OpenAI) -> None:
    begun = ask(client, background=True)
    assert begun.status == "in_progress"
    ended = wait_until(lambda: _ended(client, begun.id), "its end")
    assert (ended.status, ended.output_text, ended.background) == ("completed", ANSWER, True)


def test_a_background_response_outlives_the_client_of_its_stream(client: OpenAI) -> None:
    with ask(client, background=True, stream=True) as stream:
        response_id = next(iter(stream)).response.id
    events = events_of(client.responses.retrieve(response_id, stream=True))
    assert text_of(events) == ANSWER


def test_a_running_response_shows_what_there_is_of_it(client: OpenAI) -> None:
    begun = ask(client, background=True, **FOREVER)
    shown = wait_until(lambda: _with_text(client, begun.id), "some text")
    Response.model_validate(shown.model_dump(by_alias=True), strict=True)
    assert (shown.status, shown.output[0].status) == ("in_progress", "in_progress")
    assert client.responses.cancel(begun.id).output_text.startswith(shown.output_text)


def _with_text(client: OpenAI, response_id: str) -> Any:
    response = client.responses.retrieve(response_id)
    return response if response.output_text else None


def test_a_background_response_can_be_cancelled(client: OpenAI) -> None:
    begun = ask(client, background=True, **FOREVER)
    cancelled = client.responses.cancel(begun.id)
    assert cancelled.status == "cancelled"
    assert client.responses.cancel(begun.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        client.responses.cancel(ask(client).id)


def _ended(client: OpenAI, response_id: str) -> Any:
    response = client.responses.retrieve(response_id)
    return None if response.status in ("queued", "in_progress") else response


# --- clients that leave ---------------------------------------------------------------------------------------------


def test_what_there_was_is_kept_when_the_client_leaves(server: LiveServer, client: OpenAI) -> None:
    conversation = client.conversations.create()
    body = {"input": "Tell me a story.", "conversation": conversation.id, "ignore_eos": True, "stream": True}
    with RawStream(server, body, PATH) as stream:
        stream.read_until(b"output_text.delta")
        created = next(iter(stream.documents()))["response"]["id"]
    left = wait_until(lambda: _ended(client, created), "its end")
    assert left.status == "incomplete"
    assert left.output_text
    items = stored_items(client, conversation.id)
    assert [(item.role, item.status) for item in items] == [("user", "completed"), ("assistant", "incomplete")]
    assert items[1].content[0].text == left.output_text
    assert ask(client, conversation=conversation.id).output_text


def test_a_client_that_waits_for_the_whole_may_leave_too(server: LiveServer, client: OpenAI) -> None:
    conversation = client.conversations.create()
    body = {"input": "Tell me a story.", "conversation": conversation.id, "ignore_eos": True}
    with RawStream(server, body, PATH):
        wait_until(lambda: stored_items(client, conversation.id), "the start")
    wait_until(lambda: not is_locked(client, conversation.id), "the end")
    assert stored_items(client, conversation.id)[0].role == "user"


def is_locked(client: OpenAI, conversation_id: str) -> bool:
    try:
        ask(client, conversation=conversation_id, max_output_tokens=1)
    except openai.BadRequestError as error:
        if error.code != "conversation_locked":
            raise
        return True
    return False


# --- too long -------------------------------------------------------------------------------------------------------


def test_a_prompt_that_does_not_fit_is_refused_and_leaves_nothing(client: OpenAI) -> None:
    conversation = client.conversations.create()
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, input="word " * 3000, conversation=conversation.id)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")
    assert "This model's maximum context length is 2048 tokens." in caught.value.message
    assert "prompt is too long: " in caught.value.message
    assert stored_items(client, conversation.id) == []
    assert not is_locked(client, conversation.id)


def test_truncation_auto_drops_the_oldest_turns_and_says_so(client: OpenAI) -> None:
    items: list[Any] = []
    for number in range(30):
        items += [
            {"role": "user", "content": f"{number}: " + "word " * 100},
            {"role": "assistant", "content": "Yes."},
        ]
    items.append({"role": "user", "content": QUESTION})
    options: dict[str, Any] = {"max_output_tokens": 1024, "extra_body": {"stop": [".", " "]}}
    response = ask(client, input=items, truncation="auto", store=False, **options)
    dropped = response.model_extra["dropped"]
    assert 10 < dropped["turns"] < 30
    assert dropped["items"] == 2 * dropped["turns"]
    assert response.usage.input_tokens <= 1024
    with pytest.raises(openai.BadRequestError):
        ask(client, input=items, store=False)


def test_tokens_can_be_counted(client: OpenAI) -> None:
    counted = client.responses.input_tokens.count(model=MODEL, input=QUESTION, instructions=KIND)
    InputTokenCountResponse.model_validate(counted.model_dump(), strict=True)
    assert counted.input_tokens == ask(client, store=False).usage.input_tokens
    long = client.responses.input_tokens.count(model=MODEL, input="word " * 3000)
    assert long.input_tokens > 3000


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "param", "code"),
    [
        ({"input": []}, "input", "missing_required_parameter"),
        ({"input": [{"role": "nobody", "content": "x"}]}, "input[0].role", "invalid_value"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "input[0].content[0]",
            "unsupported_parameter",
        ),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input", None),
        ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
        ({"truncation": "some"}, "truncation", "invalid_value"),
        ({"include": ["everything"]}, "include[0]", "invalid_value"),
        ({"previous_response_id": "abc"}, "previous_response_id", "invalid_value"),
        ({"previous_response_id": "resp_unknown"}, "previous_response_id", "previous_response_not_found"),
        ({"conversation": "abc"}, "conversation", "invalid_value"),
        (
            {"previous_response_id": "resp_1", "conversation": "conv_1"},
            "previous_response_id",
            "mutually_exclusive_parameters",
        ),
        ({"background": True, "store": False}, "background", "invalid_value"),
        ({"tools": [{"type": "function", "name": "f", "parameters": []}]}, "tools[0].parameters", "invalid_type"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"tool_choice": {"type": "image_generation"}}, "tool_choice.type", "unsupported_parameter"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.name", "missing_required_parameter"),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "json_schema": {}}}},
            "text.format.schema",
            "missing_required_parameter",
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"not": {}}}}},
            "text.format.schema.not",
            "invalid_json_schema",
        ),
        ({"metadata": {str(number): "x" for number in range(17)}}, "metadata", "invalid_value"),
    ],
)
def test_a_bad_value_is_named(client: OpenAI, options: dict[str, Any], param: str, code: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **options)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_what_does_not_exist_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        ask(client, conversation="conv_unknown")
    with pytest.raises(openai.NotFoundError):
        ask(client, model="gpt-unknown")
    for act in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            act("resp_unknown")
        with pytest.raises(openai.BadRequestError):
            act("nonsense")


def test_an_item_of_the_conversation_is_not_taken_again(client: OpenAI) -> None:
    conversation = client.conversations.create(items=[{"role": "user", "content": "hi"}])
    [item] = stored_items(client, conversation.id)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, conversation=conversation.id, input=[{"type": "item_reference", "id": item.id}])
    assert (caught.value.param, caught.value.code) == ("input", "duplicate_item")
    assert not is_locked(client, conversation.id)


def test_one_response_at_a_time_in_a_conversation(server: LiveServer, client: OpenAI) -> None:
    conversation = client.conversations.create()
    body = {"input": "Tell me a story.", "conversation": conversation.id, "ignore_eos": True, "stream": True}
    with RawStream(server, body, PATH) as stream:
        stream.read_until(b"output_text.delta")
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, conversation=conversation.id)
        assert (caught.value.code, caught.value.param) == ("conversation_locked", "conversation")
    wait_until(lambda: not is_locked(client, conversation.id), "the end")


def test_a_deleted_conversations_items_stay_with_the_responses_that_have_them(client: OpenAI) -> None:
    conversation = client.conversations.create(items=[{"role": "user", "content": "Hello.", "type": "message"}])
    response = ask(client, conversation=conversation.id)
    alone, *had = stored_items(client, conversation.id)
    client.conversations.delete(conversation.id)
    assert [item.id for item in client.responses.input_items.list(response.id)] == [had[0].id]
    assert client.responses.retrieve(response.id).output_text == response.output_text
    for item in had:
        assert ask(client, input=[{"type": "item_reference", "id": item.id}, {"role": "user", "content": QUESTION}])
    with pytest.raises(openai.NotFoundError, match=alone.id):
        ask(client, input=[{"type": "item_reference", "id": alone.id}])
    client.responses.delete(response.id)


def test_a_response_may_be_deleted_while_it_is_made(client: OpenAI) -> None:
    begun = ask(client, background=True, **FOREVER)
    client.responses.delete(begun.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id)


def test_a_conversation_may_be_deleted_under_a_response(client: OpenAI) -> None:
    conversation = client.conversations.create()
    stream = iter(ask(client, conversation=conversation.id, stream=True))
    next(stream)
    client.conversations.delete(conversation.id)
    assert list(stream)[-1].response.output_text == ANSWER
