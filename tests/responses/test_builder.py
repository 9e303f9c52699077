"""The events of a response, against OpenAI's own types in strict mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from schemas.responses import load_response
from server.answers.backend import Card
from server.answers.messages import Message
from server.answers.parts import (
    ContentText,
    End,
    FinishReason,
    OutputPart,
    ReasoningText,
    ToolCallArguments,
    ToolCallStarted,
)
from server.answers.stopwatch import Stopwatch
from server.answers.usage import Usage
from server.errors.tree import EngineLost, Overloaded
from server.protocol.values import TokenLogprob
from server.responses.builder import ResponseBuilder, is_terminal
from server.responses.prompt import chat_messages
from server.responses.response_object import new_response, usage_object
from server.responses.truncation import Cut
from server.turns.event_rows import pack, unpack
from server.turns.teller import WireEvent
from storage.ids import new_id

ANY_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
NO_CUT = Cut()
USAGE = Usage(10, 3, 4)
STOP = End("stop")


def builder(
    shows_logprobs: bool = False,
    cut: Cut = NO_CUT,
    options: Mapping[str, Any] = {},
    **body: Any,
) -> ResponseBuilder:
    response = new_response(
        load_response({"input": "hi", **body}),
        response_id="resp_1",
        created_at=1_700_000_000,
        model="m",
        card=Card(n_ctx=100, presence_penalty=0.5),
        conversation_id=None,
        cut=cut,
    )
    return ResponseBuilder(response, new_id, Stopwatch(), shows_logprobs=shows_logprobs, **options)


def whole_stream(built: ResponseBuilder, reason: FinishReason = "stop") -> list[WireEvent]:
    events = built.opening()
    for text in ("Hel", "lo"):
        events += built.take(ContentText(text))
    return events + built.finish(End(reason), USAGE, 1_700_000_001)


def check(events: list[WireEvent]) -> None:
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
    assert whole_stream(builder())[0]["response"]["timings"] is None
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (10, 3, 13)
    assert response.usage.input_tokens_details.cached_tokens == 4
    assert (response.metadata, response.instructions, response.max_output_tokens) == ({"a": "b"}, "Be kind.", 20)


def test_the_response_says_how_it_was_sampled_whether_the_request_did_or_not() -> None:
    usual = builder().body
    assert [usual[name] for name in ("temperature", "top_p")] == [1.0, 1.0]
    assert [usual[name] for name in ("presence_penalty", "frequency_penalty")] == [0.5, 0.0]
    given: dict[str, Any] = {"temperature": 0.0, "top_p": 0.5, "presence_penalty": 0.0, "frequency_penalty": -1.5}
    assert builder(**given).body.items() >= given.items()


def test_the_token_limit_makes_it_incomplete() -> None:
    events = whole_stream(builder(), "length")
    check(events)
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_an_answer_without_a_word_is_still_a_message() -> None:
    built = builder()
    events = built.opening() + built.finish(STOP, USAGE, 5)
    check(events)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_a_failure_says_what_and_keeps_what_there_was() -> None:
    built = builder()
    events = built.opening() + built.take(ContentText("Hel")) + built.fail(EngineLost("m"), USAGE, 5)
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


def scripted_stream(built: ResponseBuilder, num_parts: int = len(THINKS_AND_CALLS)) -> list[WireEvent]:
    events = built.opening()
    for part in THINKS_AND_CALLS[:num_parts]:
        events += built.take(part)
    return events


def test_reasoning_messages_and_calls_come_one_after_the_other() -> None:
    built = builder()
    events = scripted_stream(built) + built.finish(STOP, USAGE, 5)
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
    done = [event for event in events if event["type"].endswith("arguments.done")]
    assert [(event["name"], event["arguments"]) for event in done] == [("f", '{"a": 1}'), ("g", "{}")]
    indexes = [event["output_index"] for event in events if "output_index" in event]
    assert indexes == sorted(indexes)
    response = Response.model_validate(events[-1]["response"], strict=True)
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
    assert [(item.id or "").partition("_")[0] for item in response.output] == ["rs", "msg", "fc", "fc"]
    assert response.output[2].arguments == '{"a": 1}'  # type: ignore[union-attr]
    assert [item.status for item in response.output] == ["completed"] * 4  # type: ignore[union-attr]


def test_a_call_that_breaks_off_is_incomplete_and_keeps_what_there_is() -> None:
    for built, end in ((builder(), "interrupt"), (builder(), "cancel")):
        events = scripted_stream(built, 5) + getattr(built, end)(USAGE, 5)
        check(events)
        *others, call = events[-1]["response"]["output"]
        assert [item["status"] for item in others] == ["completed", "completed"]
        assert (call["status"], call["arguments"], call["call_id"]) == ("incomplete", '{"a":', "call_a")


def test_a_call_whose_arguments_are_no_object_is_not_complete_and_neither_is_its_response() -> None:
    built = builder()
    events = scripted_stream(built, 5) + built.finish(STOP, USAGE, 5)
    check(events)
    response = events[-1]["response"]
    assert (events[-1]["type"], response["status"]) == ("response.incomplete", "incomplete")
    assert (response["incomplete_details"], response["usage"]) == ({"reason": None}, usage_object(USAGE))
    assert response["output"][-1]["status"] == "incomplete"


def test_reasoning_alone_is_an_answer() -> None:
    built = builder()
    events = scripted_stream(built, 2) + built.finish(End("length"), USAGE, 5)
    check(events)
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["reasoning"]
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_reasoning_may_be_sealed_and_is_read_again() -> None:
    built = builder(options={"seals_reasoning": True})
    events = scripted_stream(built, 2) + built.finish(STOP, USAGE, 5)
    check(events)
    reasoning = events[-1]["response"]["output"][0]
    returned = {"type": "reasoning", "summary": [], "encrypted_content": reasoning["encrypted_content"]}
    assert chat_messages([returned]) == [Message("assistant", reasoning="Hm.")]
    assert chat_messages([{**returned, "encrypted_content": "gAAAA"}]) == []


SUMMARIZED: dict[str, Any] = {"options": {"summarizes_reasoning": True}, "reasoning": {"summary": "auto"}}


def test_thoughts_are_told_as_their_summary_where_one_is_asked_for() -> None:
    built = builder(**SUMMARIZED)
    events = scripted_stream(built) + built.finish(STOP, USAGE, 5)
    check(events)
    assert [event["type"].removeprefix("response.") for event in events][2:9] == [
        *("output_item.added", "reasoning_summary_part.added"),
        *("reasoning_summary_text.delta", "reasoning_summary_text.delta", "reasoning_summary_text.done"),
        *("reasoning_summary_part.done", "output_item.done"),
    ]
    assert (events[2]["item"]["summary"], events[2]["item"]["content"]) == ([], [])
    assert (events[6]["text"], events[7]["part"]["text"], "status" in events[7]) == ("Hm.", "Hm.", False)
    reasoning = events[-1]["response"]["output"][0]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert events[-1]["response"]["reasoning"]["summary"] == "auto"
    assert chat_messages([reasoning]) == [Message("assistant", reasoning="Hm.")]
    assert chat_messages([{**reasoning, "content": None}]) == [Message("assistant", reasoning="Hm.")]


def test_a_summary_that_breaks_off_is_incomplete() -> None:
    built = builder(**SUMMARIZED)
    events = scripted_stream(built, 2) + built.finish(End("length"), USAGE, 5)
    check(events)
    (done,) = [event for event in events if event["type"] == "response.reasoning_summary_part.done"]
    assert (done["status"], events[-1]["response"]["output"][0]["status"]) == ("incomplete", "incomplete")


@pytest.mark.parametrize("options", [{}, SUMMARIZED])
def test_events_of_all_kinds_come_back_from_rows_as_they_were(options: dict[str, Any]) -> None:
    built = builder(**options)
    events = scripted_stream(built) + built.finish(STOP, USAGE, 5)
    text = pack(events)[1]
    assert list(unpack(text)) == events
    assert text.count("function_call_arguments.delta") == 2


def test_an_overload_has_a_code_of_its_own() -> None:
    assert builder().fail(Overloaded(5), USAGE, 5)[-1]["response"]["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(("way", "status"), [("interrupt", "incomplete"), ("cancel", "cancelled")])
def test_it_can_be_cut_off(way: str, status: str) -> None:
    built = builder()
    events = built.opening() + built.take(ContentText("Hel")) + getattr(built, way)(USAGE, 5)
    check(events)
    response = events[-1]["response"]
    assert response["status"] == status
    assert (response["usage"], response["completed_at"]) == (usage_object(USAGE), 5)
    assert response["timings"]["predicted_n"] == USAGE.num_completion_tokens
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_it_ends_only_once() -> None:
    built = builder()
    built.cancel(USAGE, 5)
    with pytest.raises(RuntimeError):
        built.interrupt(USAGE, 5)


def test_events_do_not_change_afterwards() -> None:
    built = builder()
    opening = built.opening()
    built.take(ContentText("Hel"))
    assert opening[0]["response"]["output"] == []


def test_logprobs_are_shown_when_asked() -> None:
    built = builder(shows_logprobs=True)
    token = TokenLogprob(5, b"Hi", -0.5, [(5, b"Hi", -0.5), (6, b"Ho", -1.5)])
    events = built.opening() + built.take(ContentText("Hi", [token])) + built.finish(STOP, USAGE, 5)
    check(events)
    logprobs = events[-1]["response"]["output"][0]["content"][0]["logprobs"]
    assert logprobs[0]["top_logprobs"][1] == {"token": "Ho", "logprob": -1.5, "bytes": [72, 111]}


def test_what_was_dropped_is_said() -> None:
    assert builder(cut=Cut(2, 5)).body["dropped"] == {"turns": 2, "items": 5}
    assert "dropped" not in builder().body


def test_events_come_back_from_rows_as_they_were() -> None:
    events = whole_stream(builder())
    number, text = pack(events)
    assert number == len(events) - 1
    assert list(unpack(text)) == events
    assert text.count("response.output_text.delta") == 1
    assert [event for part in (events[:5], events[5:]) for event in unpack(pack(part)[1])] == events
