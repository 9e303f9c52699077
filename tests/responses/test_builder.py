"""The events of a response, against OpenAI's own types in strict mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from schemas.responses import load_response
from server.backends.local.generation import Usage
from server.chat.output.plan import OutputPlan, PlainText
from server.chat.output.reader import MakeParser
from server.chat.parts import ContentText, OutputPart, ReasoningText, ToolCallArguments, ToolCallStarted
from server.errors import EngineLost, Overloaded
from server.protocol.messages import Delta, Finished, SamplingParams, TokenLogprob
from server.responses.builder import Event, ResponseBuilder, is_terminal
from server.responses.prompt import chat_messages
from server.responses.response_object import new_response, usage_object
from server.responses.truncation import Cut
from server.turns.event_rows import pack, unpack
from storage.ids import new_id

ANY_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
NO_CUT = Cut()
USAGE = usage_object(Usage(10, 3, 4))


def builder(
    shows_logprobs: bool = False,
    cut: Cut = NO_CUT,
    make_parser: MakeParser = PlainText,
    options: Mapping[str, Any] = {},
    **body: Any,
) -> ResponseBuilder:
    response = new_response(
        load_response({"input": "hi", **body}),
        response_id="resp_1",
        created_at=1_700_000_000,
        model="m",
        sampling=SamplingParams(),
        conversation_id=None,
        cut=cut,
    )
    return ResponseBuilder(response, OutputPlan(make_parser).reader(), new_id, shows_logprobs=shows_logprobs, **options)


def finished(reason: Any = "stop") -> Finished:
    return Finished(1, 0, reason, 3, 4)


def whole_stream(built: ResponseBuilder, reason: str = "stop") -> list[Event]:
    events = built.opening()
    for text in ("Hel", "lo"):
        events += built.delta(Delta(1, 0, text))
    return events + built.finish(finished(reason), USAGE, 1_700_000_001)


def check(events: list[Event]) -> None:
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [is_terminal(event) for event in events].count(True) == 1
    assert is_terminal(events[-1])
    for event in events:
        ANY_EVENT.validate_python(event, strict=True)


def test_a_text_comes_in_openais_order() -> None:
    events = whole_stream(builder())
    check(events)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_the_response_is_complete_in_the_end() -> None:
    built = builder(metadata={"a": "b"}, instructions="Be kind.", max_output_tokens=20)
    response = Response.model_validate(whole_stream(built)[-1]["response"], strict=True)
    assert response.output_text == "Hello"
    assert (response.status, response.completed_at) == ("completed", 1_700_000_001)
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (10, 3, 13)
    assert response.usage.input_tokens_details.cached_tokens == 4
    assert (response.metadata, response.instructions, response.max_output_tokens) == ({"a": "b"}, "Be kind.", 20)


def test_the_token_limit_makes_it_incomplete() -> None:
    events = whole_stream(builder(), "length")
    check(events)
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_an_answer_without_a_word_is_still_a_message() -> None:
    built = builder()
    events = built.opening() + built.finish(finished(), USAGE, 5)
    check(events)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_a_failure_says_what_and_keeps_what_there_was() -> None:
    built = builder()
    events = built.opening() + built.delta(Delta(1, 0, "Hel")) + built.fail(EngineLost("m"))
    check(events)
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert events[-2]["code"] == "engine_lost"
    response = events[-1]["response"]
    assert response["error"]["code"] == "server_error"
    assert (response["output"][0]["status"], response["output"][0]["content"][0]["text"]) == ("incomplete", "Hel")


# --- items of other kinds -------------------------------------------------------------------------------------------

THINKS_AND_CALLS: list[OutputPart] = [
    ReasoningText("Hm"),
    ReasoningText("."),
    ContentText("I look."),
    ToolCallStarted(0, "call_a", "f"),
    ToolCallArguments(0, '{"a":'),
    ToolCallArguments(0, " 1}"),
    ToolCallStarted(1, "call_b", "g"),
    ToolCallArguments(1, "{}"),
]


class Script:
    """A parser for which each character stands for the next part of a script."""

    def __init__(self, parts: list[OutputPart] = THINKS_AND_CALLS) -> None:
        self._parts = list(parts)

    def feed(self, text: str) -> list[OutputPart]:
        return [self._parts.pop(0) for _ in text]

    def finish(self) -> list[OutputPart]:
        return []


def calling() -> ResponseBuilder:
    return builder(make_parser=Script)


def scripted_stream(built: ResponseBuilder, num_parts: int = len(THINKS_AND_CALLS)) -> list[Event]:
    events = built.opening()
    for _ in range(num_parts):
        events += built.delta(Delta(1, 0, "."))
    return events


def test_reasoning_messages_and_calls_come_one_after_the_other() -> None:
    built = calling()
    events = scripted_stream(built) + built.finish(finished(), USAGE, 5)
    check(events)
    assert [event["type"].removeprefix("response.") for event in events][2:-1] == [
        *("output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta"),
        *("reasoning_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.delta"),
        *("function_call_arguments.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta"),
        *("function_call_arguments.done", "output_item.done"),
    ]
    indexes = [event["output_index"] for event in events if "output_index" in event]
    assert indexes == sorted(indexes)
    response = Response.model_validate(events[-1]["response"], strict=True)
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
    assert [(item.id or "").partition("_")[0] for item in response.output] == ["rs", "msg", "fc", "fc"]
    assert response.output[2].arguments == '{"a": 1}'  # type: ignore[union-attr]
    assert [item.status for item in response.output] == ["completed"] * 4  # type: ignore[union-attr]


def test_a_call_that_breaks_off_is_incomplete_and_keeps_what_there_is() -> None:
    for built, end in ((calling(), "interrupt"), (calling(), "cancel")):
        events = scripted_stream(built, 5) + getattr(built, end)()
        check(events)
        *others, call = events[-1]["response"]["output"]
        assert [item["status"] for item in others] == ["completed", "completed"]
        assert (call["status"], call["arguments"], call["call_id"]) == ("incomplete", '{"a":', "call_a")


def test_a_call_whose_arguments_are_no_object_is_not_complete_and_neither_is_its_response() -> None:
    built = calling()
    events = scripted_stream(built, 5) + built.finish(finished(), USAGE, 5)
    check(events)
    response = events[-1]["response"]
    assert (events[-1]["type"], response["status"]) == ("response.incomplete", "incomplete")
    assert (response["incomplete_details"], response["usage"]) == ({"reason": None}, USAGE)
    assert response["output"][-1]["status"] == "incomplete"


def test_reasoning_alone_is_an_answer() -> None:
    built = calling()
    events = scripted_stream(built, 2) + built.finish(finished("length"), USAGE, 5)
    check(events)
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["reasoning"]
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_reasoning_may_be_sealed_and_is_read_again() -> None:
    built = builder(make_parser=Script, options={"seals_reasoning": True})
    events = scripted_stream(built, 2) + built.finish(finished(), USAGE, 5)
    check(events)
    reasoning = events[-1]["response"]["output"][0]
    returned = {"type": "reasoning", "summary": [], "encrypted_content": reasoning["encrypted_content"]}
    assert chat_messages([returned]) == [{"role": "assistant", "reasoning_content": "Hm."}]
    assert chat_messages([{**returned, "encrypted_content": "gAAAA"}]) == []


def test_events_of_all_kinds_come_back_from_rows_as_they_were() -> None:
    built = calling()
    events = scripted_stream(built) + built.finish(finished(), USAGE, 5)
    text = pack(events)[1]
    assert list(unpack(text)) == events
    assert text.count("function_call_arguments.delta") == 2


def test_an_overload_has_a_code_of_its_own() -> None:
    assert builder().fail(Overloaded(5))[-1]["response"]["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(("way", "status"), [("interrupt", "incomplete"), ("cancel", "cancelled")])
def test_it_can_be_cut_off(way: str, status: str) -> None:
    built = builder()
    events = built.opening() + built.delta(Delta(1, 0, "Hel")) + getattr(built, way)()
    check(events)
    assert events[-1]["response"]["status"] == status
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_it_ends_only_once() -> None:
    built = builder()
    built.cancel()
    with pytest.raises(RuntimeError):
        built.interrupt()


def test_events_do_not_change_afterwards() -> None:
    built = builder()
    opening = built.opening()
    built.delta(Delta(1, 0, "Hel"))
    assert opening[0]["response"]["output"] == []


def test_logprobs_are_shown_when_asked() -> None:
    built = builder(shows_logprobs=True)
    token = TokenLogprob(5, b"Hi", -0.5, [(5, b"Hi", -0.5), (6, b"Ho", -1.5)])
    events = built.opening() + built.delta(Delta(1, 0, "Hi", [token])) + built.finish(finished(), USAGE, 5)
    check(events)
    logprobs = events[-1]["response"]["output"][0]["content"][0]["logprobs"]
    assert logprobs[0]["top_logprobs"][1] == {"token": "Ho", "logprob": -1.5, "bytes": [72, 111]}


def test_what_was_dropped_is_said() -> None:
    assert builder(cut=Cut(2, 5)).response["dropped"] == {"turns": 2, "items": 5}
    assert "dropped" not in builder().response


def test_events_come_back_from_rows_as_they_were() -> None:
    events = whole_stream(builder())
    number, text = pack(events)
    assert number == len(events) - 1
    assert list(unpack(text)) == events
    assert text.count("response.output_text.delta") == 1
    assert [event for part in (events[:5], events[5:]) for event in unpack(pack(part)[1])] == events
