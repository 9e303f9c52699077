from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from server.answers.parts import ToolCallStarted
from server.chat.families.with_reasoning.solar import Solar, SolarParser
from server.engine.stop_strings import StopStrings
from tests.chat.tool_families import PARIS, SUM, TOOLS, Arguments, check_format, check_grammar, taken_apart

PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')
THOUGHT = "<|think|>We need {json}.<|end|><|begin|>assistant"


def solar(calls: Sequence[tuple[str, Arguments]]) -> str:
    written = (
        f"<|tool_call:begin|>a1b2c3d4e{number}<|tool_call:name|>{name}<|tool_call:args|>"
        f"{json.dumps(arguments, ensure_ascii=False)}<|tool_call:end|>"
        for number, (name, arguments) in enumerate(calls)
    )
    return f"<|tool_calls|>{''.join(written)}<|calls|>"


def said(text: str) -> str:
    """What remains of a call of nobody: its arguments, or of half a header nothing but half a marker."""
    begun, _, header = text.partition("<|tool_calls|>")
    _, _, arguments = header.partition("<|tool_call:args|>")
    half = header if not header.startswith("<|tool_call:begin|>") else ""
    return begun + half + arguments.partition("<|tool_call:end|>")[0]


def test_outputs_are_taken_apart() -> None:
    check_format(Solar(), solar, as_text=said)


def test_the_grammar_takes_calls_and_nothing_else() -> None:
    check_grammar(Solar(), solar, ends_of_text=["<|end|>"])


def test_reasoning_content_and_calls_come_apart() -> None:
    thought = ("reasoning", "We need {json}.")
    assert taken_apart(Solar(), f"{THOUGHT}<|content|>It is 7 °C.<|end|>") == [thought, ("content", "It is 7 °C.")]
    assert taken_apart(Solar(), f"{THOUGHT}{solar([PARIS])}") == [thought, PARIS_CALL]
    text = f"{THOUGHT}<|content|>I'll look.<|end|><|begin|>assistant{solar([PARIS])}"
    assert taken_apart(Solar(), text) == [thought, ("content", "I'll look."), PARIS_CALL]


def test_answers_without_tools_are_taken_apart_too() -> None:
    text = f"{THOUGHT}<|content|> Hi\n"
    assert taken_apart(Solar(), text, tools=()) == [("reasoning", "We need {json}."), ("content", " Hi\n")]


@pytest.mark.parametrize("text", ["<|tool_calls|>", "<|content|>", "<|think|>", "<|tool_call:begin|>a1b2c3"])
def test_half_a_message_is_nobody_s_text(text: str) -> None:
    assert taken_apart(Solar(), text) == []


def test_the_ids_are_the_model_s() -> None:
    parser = Solar().parser(TOOLS)
    parts = parser.feed(solar([PARIS, SUM])) + parser.finish()
    assert [part.call_id for part in parts if isinstance(part, ToolCallStarted)] == ["a1b2c3d4e0", "a1b2c3d4e1"]


def test_reasoning_is_known_while_it_comes() -> None:
    parser = SolarParser(TOOLS)
    told = []
    for piece in ("<|think|>", "We", " need", "<|end|>", "<|begin|>", "assistant", "<|content|>", "Hi"):
        parser.feed(piece)
        told.append(parser.is_reasoning)
    assert told == [True, True, True, True, False, False, False, False]


def test_stop_strings_count_in_content_and_arguments_only() -> None:
    text = f"{THOUGHT}<|content|>It is 7.<|end|><|begin|>assistant{solar([PARIS])}"
    for stop, is_stopped in (("need", False), ("assistant", False), ("a1b2", False), ("7", True), ("Paris", True)):
        assert StopStrings([stop], Solar.thoughts).look(text).is_stopped == is_stopped, stop
