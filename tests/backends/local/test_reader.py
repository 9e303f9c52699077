"""How the output of a choice is read: parts, logprobs of the content, tokens of reasoning, whole calls."""

from __future__ import annotations

from server.answers.parts import ContentText, OutputPart, ReasoningText, ToolCallStarted
from server.backends.local.reader import OutputReader
from server.chat.output.plan import plan_output
from server.chat.prompted_tools import render_chat
from server.chat.tools import Tool, ToolUse
from server.protocol.messages import Delta, Finished
from server.protocol.values import TokenLogprob
from tests.chat.chat_templates import make

TIME = Tool("get_time", {"type": "object", "properties": {}})
MESSAGES = [{"role": "user", "content": "Hi"}]
CALL = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'
STOP = Finished(1, 0, "stop", 6, 0)


def deltas(*texts: str) -> list[Delta]:
    """A token each, the logprob being its number."""
    return [Delta(1, 0, text, [TokenLogprob(i, text.encode(), -float(i), [])]) for i, text in enumerate(texts)]


def reader(*tools: Tool) -> OutputReader:
    template, use = make("thinking"), ToolUse(tools)
    return OutputReader(plan_output(template, render_chat(template, MESSAGES, use), use=use).make_parser())


def read(reading: OutputReader, *texts: str) -> tuple[list[OutputPart], list[int]]:
    """The parts without logprobs, and the numbers of the tokens whose logprobs came with them."""
    told = [part for delta in deltas(*texts) for part in reading.read(delta)] + reading.rest()
    shown = [logprob.token for part in told if isinstance(part, ContentText) for logprob in part.logprobs]
    return [ContentText(part.text) if isinstance(part, ContentText) else part for part in told], shown


def test_tokens_of_reasoning_are_counted_with_their_tags() -> None:
    reading = reader()
    parts, shown = read(reading, "\n", "<", "think>", "\n", "Hm", "</thi", "nk>", "\n\n", "Yes", ".")
    assert parts == [ReasoningText("Hm"), ContentText("Yes"), ContentText(".")]
    assert reading.num_reasoning_tokens == 7
    assert shown == [7, 8, 9]


def test_an_output_without_reasoning_counts_none() -> None:
    reading = reader()
    assert read(reading, "\n", "<", "b>") == ([ContentText("\n<b>")], [0, 1, 2])
    assert reading.num_reasoning_tokens == 0


def test_a_step_may_bring_several_tokens() -> None:
    reading = reader()
    reading.read(Delta(1, 0, "<think>Hm.", num_tokens=5))
    reading.read(Delta(1, 0, "</think>Y", num_tokens=3))
    assert reading.num_reasoning_tokens == 8


def test_calls_have_no_logprobs() -> None:
    reading = reader(TIME)
    parts, shown = read(reading, "Well", "<tool", *CALL.removeprefix("<tool"))
    assert parts[0] == ContentText("Well")
    assert isinstance(parts[1], ToolCallStarted)
    assert reading.end(STOP).finish_reason == "tool_calls"
    assert shown == [0]


def test_calls_are_whole_when_the_arguments_of_all_of_them_are() -> None:
    last = '<tool_call>\n{"name": "get_time", "arguments": {"a": "\\ud83d}"'
    for text, is_whole in (
        ("Well.", False),
        (CALL, True),
        (CALL.removesuffix("\n</tool_call>"), True),
        (f"{CALL}\n{last}}}", True),
        (f"{CALL}\n{last}", False),
        (f"{last}\n{CALL}", False),
    ):
        reading = reader(TIME)
        read(reading, *text)
        assert (reading.end(STOP).finish_reason == "tool_calls") is is_whole, text


def test_calls_that_were_cut_off_are_not_to_be_made() -> None:
    reading = reader(TIME)
    read(reading, CALL)
    assert reading.end(Finished(1, 0, "length", 9, 0)).finish_reason == "length"


def test_what_is_held_back_comes_once() -> None:
    reading = reader()
    assert reading.read(Delta(1, 0, "<thi")) == []
    assert reading.rest() == [ContentText("<thi")]
    assert reading.rest() == []
