"""Function tools and formats of the text in responses, with the official client.

The demo model is forced by grammars; a saying model says what its question tells it to, in its family's format.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response
from pydantic import BaseModel, Field

from tests.conformance.slow_client import RawStream
from tests.conformance.test_responses import events_of
from tests.live_server import LiveServer, wait_until

MODEL = "SmolLM2-135M-Instruct"
QUESTION = "What is the weather in Paris?"
SCRIPTED = "thinking"


class Weather(BaseModel):
    """The weather in a city."""

    city: str = Field(max_length=20)
    unit: Literal["celsius", "fahrenheit"]


WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
}
TIME: dict[str, Any] = {
    "type": "function",
    "name": "get_time",
    "parameters": {
        "type": "object",
        "properties": {"zone": {"enum": ["UTC", "CET"]}},
        "required": ["zone"],
        "additionalProperties": False,
    },
}
HOSTED: dict[str, Any] = {"type": "web_search"}


def ask(client: OpenAI, **options: Any) -> Any:
    defaults: dict[str, Any] = {"model": MODEL, "input": QUESTION, "temperature": 0, "max_output_tokens": 200}
    return client.responses.create(**{**defaults, **options})


def checked(response: Any) -> Any:
    Response.model_validate(response.model_dump(by_alias=True), strict=True)
    return response


def check_call(call: Any, name: str) -> dict[str, Any]:
    assert (call.type, call.name, call.status) == ("function_call", name, "completed")
    assert call.id.startswith("fc_")
    assert call.call_id.startswith("call_")
    arguments: dict[str, Any] = json.loads(call.arguments)
    return arguments


# --- demanded calls -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "name": "get_time"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_time"}]},
    ],
)
def test_the_function_that_is_named_is_called(client: OpenAI, choice: Any, store: bool) -> None:
    tools: Any = [WEATHER, HOSTED, TIME]
    response = checked(ask(client, tools=tools, tool_choice=choice, parallel_tool_calls=False, store=store))
    (call,) = response.output
    assert check_call(call, "get_time")["zone"] in ("UTC", "CET")
    assert [tool.name for tool in response.tools] == ["get_weather", "get_time"]
    assert response.tool_choice.model_dump() == choice
    assert (response.status, response.parallel_tool_calls) == ("completed", False)


def test_a_demanded_call_is_streamed_in_openais_order(client: OpenAI) -> None:
    events = events_of(ask(client, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, stream=True))
    kinds = [event.type.removeprefix("response.") for event in events]
    num_deltas = kinds.count("function_call_arguments.delta")
    assert num_deltas > 1
    assert kinds == [
        *("created", "in_progress", "output_item.added"),
        *["function_call_arguments.delta"] * num_deltas,
        *("function_call_arguments.done", "output_item.done", "completed"),
    ]
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    done = next(event for event in events if event.type == "response.function_call_arguments.done")
    assert "".join(deltas) == done.arguments == events[-1].response.output[0].arguments
    assert events[2].item.arguments == ""
    Weather.model_validate_json(done.arguments)


def test_the_clients_helpers_know_pydantic_functions(client: OpenAI) -> None:
    options: dict[str, Any] = {
        "model": MODEL,
        "input": QUESTION,
        "temperature": 0,
        "tools": [openai.pydantic_function_tool(Weather)],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }
    parsed = client.responses.parse(**options)
    assert check_call(parsed.output[0], "Weather")
    assert isinstance(parsed.output[0].parsed_arguments, Weather)  # type: ignore[union-attr]
    with client.responses.stream(**options) as stream:
        final = stream.get_final_response()
    assert final.output[0].arguments == parsed.output[0].arguments  # type: ignore[union-attr]


# --- formats of the text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", [True, False])
def test_a_text_is_what_its_schema_says(client: OpenAI, store: bool) -> None:
    parsed = client.responses.parse(
        model=MODEL, input=QUESTION, text_format=Weather, temperature=1, max_output_tokens=300, store=store
    )
    assert isinstance(parsed.output_parsed, Weather)
    assert parsed.text is not None
    assert parsed.text.format is not None
    assert parsed.text.format.type == "json_schema"


def test_a_stream_is_parsed(client: OpenAI) -> None:
    with client.responses.stream(
        model=MODEL, input=QUESTION, text_format=Weather, temperature=0, max_output_tokens=300
    ) as stream:
        assert isinstance(stream.get_final_response().output_parsed, Weather)


def test_a_text_may_be_any_json_object(client: OpenAI) -> None:
    text: Any = {"format": {"type": "json_object"}}
    response = checked(ask(client, input="An object in JSON, please.", text=text, max_output_tokens=60))
    assert response.output_text.startswith("{")
    if response.status == "completed":
        assert isinstance(json.loads(response.output_text), dict)


def test_a_schema_that_cannot_be_kept_to_is_refused_and_leaves_nothing(client: OpenAI) -> None:
    conversation = client.conversations.create()
    bad = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)"}}}
    for options in (
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": bad}}},
        {"tools": [{**WEATHER, "parameters": bad, "strict": True}], "tool_choice": "required"},
        {"extra_body": {"guided_json": bad}},
        {"extra_body": {"guided_regex": "(a"}},
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, conversation=conversation.id, **options)
        assert (caught.value.param or "").startswith(("text.format.schema", "tools", "guided"))
    assert list(client.conversations.items.list(conversation.id)) == []


# --- calls that the model decides on --------------------------------------------------------------------------------

CALLS = (
    "<think>\nTwo things.\n</think>\n\nI look."
    '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "get_time", "arguments": {"zone": "CET"}}\n</tool_call>'
)


def tell(client: OpenAI, words: str, **options: Any) -> Any:
    defaults: dict[str, Any] = {"model": SCRIPTED, "input": f"Say «{words}»", "tools": [WEATHER, TIME]}
    return client.responses.create(**{**defaults, **options})


def test_thoughts_words_and_calls_are_items_in_their_order(saying: OpenAI) -> None:
    for store in (True, False):
        response = checked(tell(saying, CALLS, store=store))
        assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
        assert response.output_text == "I look."
        assert check_call(response.output[2], "get_weather") == {"city": "Paris", "unit": "celsius"}
        assert check_call(response.output[3], "get_time") == {"zone": "CET"}
        assert response.output[2].call_id != response.output[3].call_id


def test_they_are_streamed_and_can_be_read_again_from_any_event(saying: OpenAI) -> None:
    events = events_of(tell(saying, CALLS, stream=True))
    response_id = events[0].response.id
    for after in (0, len(events) // 2, len(events) - 2):
        again = events_of(saying.responses.retrieve(response_id, stream=True, starting_after=after), after + 1)
        assert [event.model_dump() for event in again] == [event.model_dump() for event in events[after + 1 :]]
    whole = events_of(saying.responses.retrieve(tell(saying, CALLS).id, stream=True))
    assert [event.type for event in whole if event.type.endswith("done")] == [
        event.type for event in events if event.type.endswith("done")
    ]


def test_outputs_answer_calls_in_a_conversation_and_by_previous_response(saying: OpenAI) -> None:
    conversation = saying.conversations.create()
    first = tell(saying, CALLS, conversation=conversation.id)
    outputs: list[Any] = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "42"} for item in first.output[2:]
    ]
    asked = {"role": "user", "content": "Say «Done.»"}
    assert tell(saying, "", input=[*outputs, asked], conversation=conversation.id).output_text == "Done."
    kinds = [item.type for item in saying.conversations.items.list(conversation.id, order="asc")]
    assert kinds == [
        *("message", "reasoning", "message", "function_call", "function_call"),
        *("function_call_output", "function_call_output", "message", "message"),
    ]
    second = tell(saying, CALLS)
    outputs[0]["call_id"] = second.output[2].call_id
    assert tell(saying, "", input=[outputs[0], asked], previous_response_id=second.id).output_text == "Done."


def test_a_call_that_nobody_answers_does_not_stop_the_conversation(saying: OpenAI) -> None:
    conversation = saying.conversations.create()
    tell(saying, CALLS, conversation=conversation.id)
    assert tell(saying, "Never mind.", conversation=conversation.id).output_text == "Never mind."


@pytest.mark.parametrize("streams", [False, True])
def test_a_call_that_a_stop_string_cuts_makes_its_response_incomplete(saying: OpenAI, streams: bool) -> None:
    options: dict[str, Any] = {"stream": streams, "extra_body": {"stop": "CET"}}
    told = tell(saying, CALLS, **options)
    response = events_of(told)[-1].response if streams else told
    assert (response.status, response.incomplete_details.reason) == ("incomplete", None)
    stored: Any = saying.responses.retrieve(response.id)
    *_, weather, time = stored.output
    assert (weather.status, time.status, time.arguments) == ("completed", "incomplete", '{"zone": "')
    outputs: list[Any] = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "42"} for item in (weather, time)
    ]
    asked = {"role": "user", "content": "Say «Done.»"}
    assert tell(saying, "", input=[*outputs, asked], previous_response_id=response.id).output_text == "Done."
    whole = tell(saying, CALLS, extra_body={"stop": "</tool_call>"})
    assert (whole.status, whole.output[-1].status) == ("completed", "completed")


def test_an_output_for_no_call_is_refused(saying: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="No tool call found for function call output"):
        tell(saying, "", input=[{"type": "function_call_output", "call_id": "call_x", "output": "42"}])


def test_what_codex_sends_is_taken(saying: OpenAI) -> None:
    tools: Any = [
        WEATHER,
        TIME,
        {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "local_shell"},
        {"type": "namespace", "name": "n", "tools": []},
        {"type": "web_search", "external_web_access": False},
    ]
    options: dict[str, Any] = {
        "tools": tools,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "key",
        "text": {"verbosity": "low"},
        "instructions": "You are a coding agent.",
    }
    events = events_of(tell(saying, CALLS, **options))
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.type for item in done] == ["reasoning", "message", "function_call", "function_call"]
    usage = events[-1].response.usage
    assert events[-1].type == "response.completed"
    assert usage.output_tokens_details.reasoning_tokens > 0
    assert usage.input_tokens_details.cached_tokens >= 0
    # The next request of such a client has everything again, as it got it.
    items: list[Any] = [{"role": "user", "content": "hi"}]
    items += [item.model_dump(exclude={"id", "status"}, exclude_none=True) for item in done]
    items += [{"type": "function_call_output", "call_id": item.call_id, "output": "42"} for item in done[2:]]
    items.append({"role": "user", "content": "Say «Done.»"})
    events = events_of(tell(saying, "", **{**options, "input": items}))
    assert events[-1].response.output_text == "Done."


# --- in the middle of a call ----------------------------------------------------------------------------------------

LONG_CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "' + "Paris, " * 3000


def begin_call(client: OpenAI, server: LiveServer, conversation_id: str) -> tuple[RawStream, str]:
    """A stream in the middle of a function's arguments, and the id of its response."""
    body = {
        "model": SCRIPTED,
        "input": f"Say «{LONG_CALL}»",
        "tools": [WEATHER],
        "conversation": conversation_id,
        "stream": True,
    }
    stream = RawStream(server, body, "/v1/responses")
    stream.read_until(b"function_call_arguments.delta")
    return stream, next(iter(stream.documents()))["response"]["id"]


def ended(client: OpenAI, response_id: str) -> Any:
    response = client.responses.retrieve(response_id)
    return None if response.status == "in_progress" else response


def answer_and_go_on(client: OpenAI, conversation_id: str, call: Any) -> None:
    """The call that broke off is in the conversation, can be answered, and the next turn works."""
    assert (call.type, call.name, call.status) == ("function_call", "get_weather", "incomplete")
    assert LONG_CALL.partition('"arguments": ')[2].startswith(call.arguments)
    *_, stored = client.conversations.items.list(conversation_id, order="asc")
    assert stored.model_dump(exclude_none=True) == call.model_dump(exclude_none=True)
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "42"}
    asked: Any = {"role": "user", "content": "Say «Done.»"}
    assert tell(client, "", input=[output, asked], conversation=conversation_id).output_text == "Done."


def test_a_client_that_leaves_in_the_middle_of_a_call_leaves_it_incomplete(
    saying_server: LiveServer, saying: OpenAI
) -> None:
    conversation = saying.conversations.create()
    stream, response_id = begin_call(saying, saying_server, conversation.id)
    with stream:
        pass
    left = wait_until(lambda: ended(saying, response_id), "its end")
    assert left.status == "incomplete"
    answer_and_go_on(saying, conversation.id, checked(left).output[-1])


def test_an_engine_that_dies_in_the_middle_of_a_call_leaves_it_incomplete(
    saying_server: LiveServer, saying: OpenAI
) -> None:
    conversation = saying.conversations.create()
    events: list[Any] = []
    for event in tell(saying, LONG_CALL, conversation=conversation.id, stream=True):
        if event.type == "response.function_call_arguments.delta" and events[-1].type == "response.output_item.added":
            for process in saying_server.members("tests.saying_engine"):
                process.kill()
        events.append(event)
    assert [event.type for event in events_of(events)][-2:] == ["error", "response.failed"]
    patient = saying.with_options(max_retries=100)  # the supervisor may not have seen the death yet
    answer_and_go_on(patient, conversation.id, ended(saying, events[0].response.id).output[-1])
