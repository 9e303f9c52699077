"""Grammars of whole outputs, followed by llguidance token by token; a token is a byte or a control token."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from server.chat.families.detection import GENERIC
from server.chat.families.json_arguments.llama import Llama
from server.chat.families.with_reasoning.harmony import Harmony
from server.chat.families.with_reasoning.kimi_k3 import KimiK3
from server.chat.output.grammar import GrammarsClash, Reasoning, answer_grammar, call_grammar, mark_with, text_rules
from server.chat.reasoning import ThinkTags
from server.chat.tools import Tool, ToolUse
from server.protocol.values import Grammar

TIME = Tool("get_time", {"type": "object", "properties": {"zone": {"enum": ["UTC"]}}, "required": ["zone"]})
CALL = '<tool_call>\n{"name": "get_time", "arguments": {"zone": "UTC"}}\n</tool_call>'
TAGS = ThinkTags("<think>", "</think>")
MAY, MUST = ToolUse((TIME,)), ToolUse((TIME,), must_call=True)


class Bytes:
    """All bytes, an EOS token, and control tokens."""

    eos_token_id = 256
    bos_token_id = None

    def __init__(self, control: Sequence[str] = ()) -> None:
        self.tokens = [*(bytes([byte]) for byte in range(256)), b"<|eos|>", *(text.encode() for text in control)]
        self.special_token_ids = list(range(256, len(self.tokens)))
        self.marker_ids = {text: 257 + index for index, text in enumerate(control)}

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


def accepts(grammar: Grammar, text: str, vocabulary: Bytes | None = None) -> bool:
    """Whether the text is a whole sentence; control tokens are tokens wherever they are spelled."""
    vocabulary = vocabulary or Bytes()
    source = LLMatcher.grammar_from_lark(grammar.source)
    matcher = LLMatcher(LLTokenizer(TokenizerWrapper(vocabulary)), source, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    pieces = re.split(f"({'|'.join(map(re.escape, vocabulary.marker_ids)) or '(?!)'})", text)
    ids = [[vocabulary.marker_ids[p]] if p in vocabulary.marker_ids else list(p.encode()) for p in pieces]
    tokens = [token for piece in ids for token in piece]
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def test_a_demanded_call_is_all_there_is() -> None:
    grammar = call_grammar(GENERIC, MUST, mark_with({}), None)
    assert accepts(grammar, CALL)
    assert accepts(grammar, f"{CALL}\n{CALL}")
    for wrong in ("", "Hello", f"Well. {CALL}", f"{CALL} So.", CALL.replace("UTC", "CET"), CALL.replace("get", "set")):
        assert not accepts(grammar, wrong), wrong
    assert not accepts(call_grammar(GENERIC, MUST.one_at_a_time, mark_with({}), None), f"{CALL}\n{CALL}")


def test_what_begins_as_a_call_is_one() -> None:
    grammar = call_grammar(GENERIC, MAY, mark_with({}), None)
    for right in ("", "Hello", "1 < 2 <<t <tool <tool_calls> <TOOL_CALL>", CALL, f"Well.\n{CALL}", "a <tool_call"):
        assert accepts(grammar, right), right
    for wrong in ("a <tool_call> is", f"{CALL} So.", CALL.replace("UTC", "CET"), CALL[:-1]):
        assert not accepts(grammar, wrong), wrong


def test_a_format_without_markers_calls_from_the_beginning_or_not_at_all() -> None:
    grammar = call_grammar(Llama(), MAY.one_at_a_time, mark_with({}), None)
    call = '{"name": "get_time", "parameters": {"zone": "UTC"}}'
    for right in ("", "Hello {}", call):
        assert accepts(grammar, right), right
    for wrong in ('{"name": "x"}', call.replace("UTC", "CET"), f"{call}{call}"):
        assert not accepts(grammar, wrong), wrong


@pytest.mark.parametrize("control", [(), ("<think>", "</think>", "<tool_call>", "</tool_call>")])
def test_reasoning_goes_first(control: tuple[str, ...]) -> None:
    vocabulary = Bytes(control)
    mark = mark_with(vocabulary.marker_ids)
    may_think = call_grammar(GENERIC, MUST, mark, Reasoning(TAGS, is_open=False))
    thinks = call_grammar(GENERIC, MUST, mark, Reasoning(TAGS, is_open=True))
    thought = "\nI </thin that <think/>\n</think>\n\n"
    assert accepts(may_think, CALL, vocabulary)
    assert accepts(may_think, f"<think>{thought}{CALL}", vocabulary)
    assert accepts(thinks, f"{thought}{CALL}", vocabulary)
    for wrong in (f"{thought}{CALL}", f"<think>{thought}Hello", f"<think>{CALL}"):
        assert not accepts(may_think, wrong, vocabulary), wrong
    assert not accepts(thinks, CALL, vocabulary)


def test_an_answer_follows_its_grammar_behind_the_reasoning() -> None:
    schema = Grammar("json_schema", json.dumps({"type": "object", "properties": {"a": {"type": "integer"}}}))
    after = Reasoning(TAGS, is_open=True)
    assert answer_grammar(schema, GENERIC, mark_with({}), None) is schema
    for answer, right, wrong in (
        (schema, '{"a": 1}', '{"a": "x"}'),
        (Grammar("regex", "a/[b/]\\/"), "a/b/", "b"),
        (Grammar("lark", 'start: "a" b\nb: "c"'), "ac", "ab"),
    ):
        grammar = answer_grammar(answer, GENERIC, mark_with({}), after)
        assert accepts(grammar, f"Hm.\n</think>\n{right}")
        assert not accepts(grammar, f"Hm.\n</think>\n{wrong}")
        either = call_grammar(GENERIC, MAY, mark_with({}), None, answer)
        assert accepts(either, right)
        assert accepts(either, CALL)
        assert not accepts(either, wrong)
    with pytest.raises(GrammarsClash):
        answer_grammar(Grammar("gbnf", 'root ::= "a"'), GENERIC, mark_with({}), after)


@pytest.mark.parametrize("control", [(), ("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|constrain|>")])
def test_in_channels_answers_have_one_too(control: tuple[str, ...]) -> None:
    vocabulary = Bytes(control)
    mark = mark_with(vocabulary.marker_ids)
    thought = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
    call = '<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{"zone": "UTC"}'
    final = "<|channel|>final<|message|>"
    either = call_grammar(Harmony(), MAY, mark, None)
    for right in (call, thought + call, f"{final}Noon.", f"{thought}{final}Noon.", f"{thought}{final}"):
        assert accepts(either, right, vocabulary), right
    for wrong in ("Noon.", call.replace("UTC", "CET"), thought, call + call):
        assert not accepts(either, wrong, vocabulary), wrong
    answer = answer_grammar(Grammar("json_schema", '{"type": "integer"}'), Harmony(), mark, None)
    assert accepts(answer, f"{thought}{final}12", vocabulary)
    assert accepts(answer, f"{final}12", vocabulary)
    for wrong in ("12", call, f"{final}Noon."):
        assert not accepts(answer, wrong, vocabulary), wrong


def test_in_sections_calls_may_follow_what_was_said() -> None:
    vocabulary = Bytes(KimiK3.markers)
    thought, said = "Hm.<|close|>think<|sep|>", "<|open|>response<|sep|>I'll look."
    end, message_end = "<|close|>response<|sep|>", "<|close|>message<|sep|>"
    zone = '<|open|>argument key="zone" type="string"<|sep|>UTC<|close|>argument<|sep|>'
    call = f'<|open|>call tool="get_time" index="1"<|sep|>{zone}<|close|>call<|sep|>'
    calls = f"<|open|>tools<|sep|>{call}<|close|>tools<|sep|>{message_end}"
    family, mark = KimiK3("think"), mark_with(vocabulary.marker_ids)
    either = call_grammar(family, MAY, mark, None)
    for right in (said, said + end + message_end, said + end + calls, calls):
        assert accepts(either, thought + right, vocabulary), right
    for wrong in (said + calls, said + end + calls.replace("UTC", "CET"), said + end + call, said + end + said):
        assert not accepts(either, thought + wrong, vocabulary), wrong
    answer = answer_grammar(Grammar("json_schema", '{"type": "integer"}'), family, mark, None)
    assert accepts(answer, f"{thought}<|open|>response<|sep|>12", vocabulary)
    assert not accepts(answer, "12", vocabulary)
    assert accepts(answer_grammar(Grammar("regex", "1+"), KimiK3("response"), mark, None), "11", vocabulary)


MARKERS = [["<tool_call>"], ["[X]"], ["<a>", "<ab>", "-b^"], ["<", "x"], ["<", "<a"]]


@pytest.mark.parametrize("markers", MARKERS, ids=str)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_text_is_what_holds_no_marker(markers: list[str], data: st.DataObject) -> None:
    pieces = st.sampled_from([*markers, *(m[:n] for m in markers for n in range(1, len(m))), "a", "é", "\n", "]", "^"])
    text = "".join(data.draw(st.lists(pieces, max_size=6)))
    grammar = Grammar("lark", f"start: some_end\n{text_rules('some', markers)}")
    assert accepts(grammar, text) == (not any(marker in text for marker in markers))


@pytest.mark.parametrize("is_strict", [True, False])
def test_descriptions_are_no_part_of_a_grammar(is_strict: bool) -> None:
    described = {"type": "object", "properties": {"zone": {"enum": ["UTC"], "description": "zones " * 100_000}}}
    tools = tuple(Tool(f"get_{number}", described, is_strict=is_strict) for number in range(100))
    grammar = call_grammar(GENERIC, ToolUse(tools, must_call=True), mark_with({}), None)
    assert len(grammar.source) < 100_000
    assert accepts(grammar, CALL.replace("get_time", "get_99"))


@pytest.mark.parametrize("is_strict", [True, False])
def test_arguments_that_are_not_listed_are_not_written(is_strict: bool) -> None:
    tool = Tool("get_time", {"type": "object", "properties": {"zone": {"enum": ["UTC"]}}}, is_strict=is_strict)
    grammar = call_grammar(GENERIC, ToolUse((tool,), must_call=True), mark_with({}), None)
    assert accepts(grammar, CALL)
    assert not accepts(grammar, CALL.replace('"UTC"', '"UTC", "day": 1'))
    open_tool = replace(tool, parameters={**tool.parameters, "additionalProperties": True})
    grammar = call_grammar(GENERIC, ToolUse((open_tool,), must_call=True), mark_with({}), None)
    assert accepts(grammar, CALL.replace('"UTC"', '"UTC", "day": 1'))
