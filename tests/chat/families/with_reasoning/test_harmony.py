from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from server.chat.families.with_reasoning.harmony import Harmony, HarmonyParser
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


def said(text: str) -> str:
    """What a message to nobody says: its header is not part of it, whole or not."""
    header, has_body, body = text.partition("<|message|>")
    return body if has_body else "" if header.startswith("<|channel|>") else text


def test_outputs_are_taken_apart() -> None:
    check_format(Harmony(), harmony, as_text=said)


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


@pytest.mark.parametrize(
    "header",
    [
        "<|channel|>commentary to=get_weather <|constrain|>json",
        " to=get_weather<|channel|>commentary json",
        "<|start|>assistant to=get_weather<|channel|>analysis",
    ],
)
def test_a_known_function_is_called_without_the_namespace_too(header: str) -> None:
    assert taken_apart(Harmony(), f'{header}<|message|>{{"city": "Paris"}}<|call|>') == [PARIS_CALL]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("<|channel|>analysis to=python code<|message|>print(1)<|call|>", "print(1)"),
        ("<|channel|>commentary to=functions.rm <|constrain|>json<|message|>{}<|call|>", "{}"),
        ("<|channel|>commentary to=rm<|message|>{}", "{}"),
        ("<|start|>functions.add to=assistant<|channel|>commentary<|message|>3<|end|>", "3"),
        (f"<|channel|>{'x' * 300}", "x" * 300),
        ("<|end|>Hello<|message|> there<|return|>", "Hello there"),
    ],
)
def test_what_is_said_to_nobody_known_is_content_without_control_tokens(text: str, content: str) -> None:
    assert taken_apart(Harmony(), text) == [("content", content)]


@pytest.mark.parametrize("text", ["<|channel|>ana", "<|channel|>analysis<|mess", "<|start|>assistant", "<|end|>"])
def test_half_a_header_is_nobodys_text(text: str) -> None:
    assert taken_apart(Harmony(), text) == []


def test_a_message_behind_broken_arguments_is_read() -> None:
    text = harmony([PARIS]).replace('"Paris"}', "<|start|>assistant<|channel|>final<|message|>Done.")
    assert taken_apart(Harmony(), text) == [("call", "get_weather", '{"city": '), ("content", "Done.")]


def test_messages_behind_one_to_nobody_known_are_read_as_ever() -> None:
    final = "<|start|>assistant<|channel|>final<|message|>Done."
    text = f"<|channel|>commentary to=rm<|message|>{{}}<|call|>{final}"
    assert taken_apart(Harmony(), text) == [("content", "{}Done.")]
    assert taken_apart(Harmony(), f"{harmony([PARIS])}<|call|>{final}") == [PARIS_CALL, ("content", "Done.")]


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
