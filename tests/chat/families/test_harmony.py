from __future__ import annotations

import json
from collections.abc import Sequence

from server.chat.families.harmony import Harmony, HarmonyParser
from tests.chat.tool_families import PARIS, TOOLS, Arguments, check_format, check_grammar, every_half, taken_apart

PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')
THOUGHT = "<|channel|>analysis<|message|>We need {json}.<|end|><|start|>assistant"


def harmony(calls: Sequence[tuple[str, Arguments]]) -> str:
    written = (
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"
        f"{json.dumps(arguments, ensure_ascii=False)}"
        for name, arguments in calls
    )
    return "<|call|><|start|>assistant".join(written)


def test_outputs_are_taken_apart() -> None:
    check_format(Harmony(), harmony)


def test_the_grammar_takes_calls_and_nothing_else() -> None:
    check_grammar(Harmony(), harmony, holds_several=False, ends_of_text=["<|end|>"])


def test_reasoning_content_and_calls_come_apart() -> None:
    final = "<|channel|>final<|message|>It is 7 °C.<|return|>"
    thought = ("reasoning", "We need {json}.")
    assert taken_apart(Harmony(), THOUGHT + final) == [thought, ("content", "It is 7 °C.")]
    assert taken_apart(Harmony(), THOUGHT + harmony([PARIS])) == [thought, PARIS_CALL]
    preamble = "<|channel|>commentary<|message|>I'll look.<|end|><|start|>assistant"
    assert taken_apart(Harmony(), THOUGHT + preamble + harmony([PARIS]) + "<|call|>") == [
        thought,
        ("content", "I'll look."),
        PARIS_CALL,
    ]
    assert taken_apart(Harmony(), THOUGHT + THOUGHT + final)[0] == ("reasoning", "We need {json}." * 2)


def test_the_recipient_may_stand_in_front_and_json_unmarked() -> None:
    body = '<|message|>{"city": "Paris"}'
    for header in (
        " to=functions.get_weather<|channel|>commentary json",
        "to=functions.get_weather<|channel|>commentary <|constrain|>json",
        "<|start|>assistant to=functions.get_weather<|channel|>analysis",
        "<|channel|>commentary to=functions.get_weather",
        "<|channel|>commentary to=functions.get_weather<|constrain|>json",
    ):
        assert taken_apart(Harmony(), header + body) == [PARIS_CALL], header


def test_formatted_answers_are_content() -> None:
    text = '<|channel|>final <|constrain|>json<|message|>{"a": 1}'
    assert taken_apart(Harmony(), text) == [("content", '{"a": 1}')]


def test_messages_to_others_and_half_headers_come_out_as_they_were_written() -> None:
    for text in (
        "<|channel|>analysis to=python code<|message|>print(1)",
        "<|channel|>commentary to=functions.rm<|message|>{}",
        "<|channel|>ana",
        "<|channel|>analysis<|mess",
        f"<|channel|>{'x' * 300}",
    ):
        assert taken_apart(Harmony(), text) == [("content", text)]


def test_text_without_channels_is_content() -> None:
    assert taken_apart(Harmony(), "to be or not to=be\n") == [("content", "to be or not to=be\n")]


def test_every_beginning_is_reasoning_then_content_then_a_call() -> None:
    for half in every_half(Harmony(), THOUGHT + harmony([PARIS])):
        kinds = [part[0] for part in half]
        assert kinds in ([], ["content"], ["reasoning"], ["reasoning", "content"], ["reasoning", "call"]), half


def test_reasoning_is_known_while_it_comes() -> None:
    parser = HarmonyParser(TOOLS)
    told = []
    for piece in ("<|channel|>", "analysis", "<|message|>", "We", " need", "<|end|>", "<|start|>", "assistant"):
        parser.feed(piece)
        told.append(parser.is_reasoning)
    assert told == [False, False, True, True, True, True, False, False]
    parser.feed("<|channel|>final<|message|>Hi")
    assert not parser.is_reasoning
