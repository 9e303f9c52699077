"""What tests of tool-call formats share: outputs taken apart whole and in pieces, grammars followed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import jsonschema
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from server.answers.parts import ContentText, OutputPart, ReasoningText, ToolCallArguments, ToolCallStarted
from server.chat.calls.family import Mark, ToolFamily
from server.chat.parser import OutputParser
from server.chat.tools import Tool

WEATHER = Tool(
    "get_weather",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 8},
            "days": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}, "maxItems": 2},
            "unit": {"enum": ["C", "F"]},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
    "The weather in a city.",
)
ADD = Tool(
    "add",
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "exact": {"type": "boolean"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
)
NOW = Tool("get_time", {"type": "object", "properties": {}, "additionalProperties": False})
NOTE = Tool(
    "write-note",
    {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "score": {"type": ["number", "null"]},
        },
    },
)
TOOLS = (WEATHER, ADD, NOW, NOTE)

_PROPERTIES = {**WEATHER.parameters["properties"], "city": {"type": "string"}}
UNBOUNDED_TOOLS = (replace(WEATHER, parameters={**WEATHER.parameters, "properties": _PROPERTIES}), ADD, NOW, NOTE)
"""The same for formats whose strings are bare, so that nothing can bound them."""

Summary = list[tuple[str, ...]]


def summary(parts: Sequence[OutputPart]) -> Summary:
    """Text of one kind joined, a call as its name and all its arguments; checks what the protocol promises."""
    joined: Summary = []
    num_calls = 0
    for part in parts:
        if isinstance(part, ToolCallStarted):
            assert part.call_id
            assert part.index == num_calls
            num_calls += 1
            joined.append(("call", part.name, ""))
        elif isinstance(part, ToolCallArguments):
            assert part.text and joined[-1][0] == "call"
            assert part.index == num_calls - 1
            joined[-1] = (*joined[-1][:2], joined[-1][2] + part.text)
        else:
            kind = "content" if isinstance(part, ContentText) else "reasoning"
            assert part.text
            if joined and joined[-1][0] == kind:
                joined[-1] = (kind, joined[-1][1] + part.text)
            else:
                joined.append((kind, part.text))
    return joined


def taken_apart(family: ToolFamily, text: str, tools: Sequence[Tool] = TOOLS) -> Summary:
    """What a family makes of a text: the same whole, cut at every place, cut at all places, and cut at random ones."""
    whole = _parsed(family.parser(tools), [text])
    cuts = [[i] for i in range(1, len(text))]
    cuts.append(list(range(1, len(text))))
    chance = random.Random(len(text))
    cuts += [sorted(chance.sample(range(len(text)), min(len(text), count))) for count in (2, 3, 5, 8, 13, 21)]
    for places in cuts:
        pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
        assert _parsed(family.parser(tools), pieces) == whole, pieces
    return whole


def every_half(family: ToolFamily, text: str, tools: Sequence[Tool] = TOOLS) -> list[Summary]:
    """What a family makes of every beginning of a text, each also cut at every character."""
    halves = []
    for end in range(len(text)):
        whole = _parsed(family.parser(tools), [text[:end]])
        assert _parsed(family.parser(tools), list(text[:end])) == whole
        halves.append(whole)
    return halves


def streamed(family: ToolFamily, pieces: Sequence[str], tools: Sequence[Tool] = TOOLS) -> list[Summary]:
    """What comes out after each of the pieces, and last at the end."""
    parser = family.parser(tools)
    return [_loose(parser.feed(piece)) for piece in pieces] + [_loose(parser.finish())]


def _loose(parts: Sequence[OutputPart]) -> Summary:
    """As they came."""
    return [
        ("start", part.name)
        if isinstance(part, ToolCallStarted)
        else ({ContentText: "content", ReasoningText: "reasoning"}.get(type(part), "arguments"), part.text)
        for part in parts
    ]


def _parsed(parser: OutputParser, pieces: Sequence[str]) -> Summary:
    parts = [part for piece in pieces for part in parser.feed(piece)]
    return summary(parts + parser.finish())


# --- what holds for every format ------------------------------------------------------------------------------------

Arguments = dict[str, Any]
Render = Callable[[Sequence[tuple[str, Arguments]]], str]
"""Calls as a model of the family writes them."""

PARIS = ("get_weather", {"city": "Paris"})
SUM = ("add", {"a": 1, "b": -2, "exact": True})


def check_format(
    family: ToolFamily,
    render: Render,
    *,
    is_bare: bool = False,
    holds_several: bool = True,
    ends_of_text: Sequence[str] = (),
    as_text: Callable[[str], str] = str,
) -> None:
    """Outputs as a model makes them, good and bad.

    With `is_bare` calls can only begin an output; `ends_of_text` cannot stand in the format's strings; `as_text` is
    what remains of a call that is none.
    """
    one = render([PARIS])
    paris, total = (("call", name, json.dumps(arguments)) for name, arguments in (PARIS, SUM))
    assert taken_apart(family, "") == []
    assert taken_apart(family, " Hello <b>[there]</b> {}.\n") == [("content", " Hello <b>[there]</b> {}.\n")]
    assert taken_apart(family, one) == [paris]
    assert taken_apart(family, f"{one}\n\n ") == [paris]
    assert taken_apart(family, f"{one}\n\nDone.") == [paris, ("content", "\n\nDone.")]
    if not is_bare:
        assert taken_apart(family, f"Let me see.\n\n{one}") == [("content", "Let me see."), paris]
    if holds_several:
        assert taken_apart(family, render([PARIS, SUM, PARIS])) == [paris, total, paris]
    _check_strings(family, render, [marker for marker in family.markers if marker not in ends_of_text])
    _check_halves(family, one, as_text)
    unknown = render([("rm", {"a": 1})])
    assert taken_apart(family, unknown) == [("content", as_text(unknown))]
    assert taken_apart(family, one, tools=()) == [("content", as_text(one))]


def _check_strings(family: ToolFamily, render: Render, markers: Sequence[str]) -> None:
    """Strings that look like the format, and what JSON must escape."""
    text = f"é😀 {{\"}} }}}}]) \\ \\n ' ` {' '.join(markers)} </b>".replace("</b>", "<b>")
    for arguments in (
        {"text": text},
        {"text": "", "tags": {"a": "x } y", "ü": '\\"'}, "score": -1.5},
        {"text": "two\nlines\t", "score": None},
        {"score": 2},
    ):
        expected = json.dumps(arguments, ensure_ascii=False)
        written = render([("write-note", arguments)])
        assert taken_apart(family, written) == [("call", "write-note", expected)], written


def _check_halves(family: ToolFamily, one: str, as_text: Callable[[str], str]) -> None:
    """A beginning of a call is text, as it was written, until the name is known; then it is a call."""
    has_started = False
    for end, half in enumerate(every_half(family, one)):
        has_started |= any(part[0] == "call" for part in half)
        if has_started:
            assert half[0][:2] == ("call", "get_weather")
            assert json.dumps(PARIS[1]).startswith(half[0][2]), half
        else:
            text = as_text(one[:end])
            assert half == ([("content", text)] if text else [])
    assert has_started


def check_grammar(
    family: ToolFamily,
    render: Render,
    *,
    tools: Sequence[Tool] = TOOLS,
    holds_several: bool = True,
    ends_of_text: Sequence[str] = (),
) -> None:
    """The grammar takes what the template teaches and nothing else, and what it takes is calls to the parser."""
    note = render([("write-note", {"text": "é\n{}", "tags": {"a": "b"}, "score": -1.5})])
    for has_control in (False, True):
        follower = Follower(family, tools, False, has_control)
        for text in (render([PARIS]), render([SUM]), render([("get_time", {})]), note):
            assert follower.accepts(text), text
        for wrong in (
            "",
            "Hello",
            render([PARIS])[:-2],
            render([PARIS]) + render([PARIS]),
            render([("get_weather", {"town": "Paris"})]),
            render([("get_weather", {"city": "Paris", "days": [10]})]),
            render([("add", {"a": 1})]),
            render([("rm", {})]),
        ):
            assert not follower.accepts(wrong), wrong
        if holds_several:
            assert Follower(family, tools, True, has_control).accepts(render([PARIS, SUM]))
    check_random_outputs(family, tools, ends_of_text)


# --- grammars -------------------------------------------------------------------------------------------------------

_MERGED = ['"}', '"}}', "}\n", '": ', '{"', '", "', "</", ">\n", '"]', "]}", '"}]', "\n<", "()", "=", "get_", "name"]


class _SmallVocabulary:
    """All bytes, a few longer tokens that reach over the seams of grammars, and control tokens."""

    def __init__(self, control: Sequence[str]) -> None:
        ordinary = [bytes([byte]) for byte in range(256)] + [text.encode() for text in _MERGED]
        self.tokens = [*ordinary, b"<|eos|>", *(spelling.encode() for spelling in control)]
        self.eos_token_id = len(ordinary)
        self.bos_token_id = None
        self.special_token_ids = list(range(len(ordinary), len(self.tokens)))

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


class Follower:
    """Follows one family's grammar with a small vocabulary, in which the family's markers are control tokens or not."""

    def __init__(
        self, family: ToolFamily, tools: Sequence[Tool], parallel: bool = False, has_control: bool = False
    ) -> None:
        self.control = tuple(family.markers) if has_control else ()
        self._vocabulary, self._tokenizer = _tokenizer(self.control)
        self.source = f"start: tool_calls\n{family.grammar(tools, parallel, self._mark())}"
        grammar = LLMatcher.grammar_from_lark(self.source)
        assert LLMatcher.validate_grammar(grammar, self._tokenizer) == "", self.source
        self._matcher = LLMatcher(self._tokenizer, grammar, log_level=0)

    def _mark(self) -> Mark:
        ids = {spelling: self._vocabulary.eos_token_id + 1 + i for i, spelling in enumerate(self.control)}
        return lambda marker: f"<[{ids[marker]}]>" if marker in ids else json.dumps(marker)

    def accepts(self, text: str) -> bool:
        """Whether the text is a whole output, with one byte a token and with the longest tokens that there are."""
        outcomes = {self._is_followed(self._tokens(text, longest)) for longest in (False, True)}
        assert len(outcomes) == 1, text
        return outcomes.pop()

    def _is_followed(self, tokens: list[int]) -> bool:
        self._matcher.reset()
        return self._matcher.try_consume_tokens(tokens) == len(tokens) and self._matcher.is_accepting()

    def _tokens(self, text: str, longest: bool) -> list[int]:
        """Control tokens where they are spelled; between them bytes, or from the left the longest tokens."""
        pieces = re.split(f"({'|'.join(map(re.escape, self.control))})", text) if self.control else [text]
        return [token for piece in pieces for token in self._piece_tokens(piece, longest)]

    def _piece_tokens(self, piece: str, longest: bool) -> list[int]:
        if piece in self.control:
            return [self._vocabulary.eos_token_id + 1 + self.control.index(piece)]
        ordinary = self._vocabulary.tokens[256 : self._vocabulary.eos_token_id] if longest else []
        tokens: list[int] = []
        rest = piece.encode()
        while rest:
            fitting = [i for i, token in enumerate(ordinary, 256) if rest.startswith(token)]
            tokens.append(max(fitting, key=lambda i: len(self._vocabulary.tokens[i]), default=rest[0]))
            rest = rest[len(self._vocabulary.tokens[tokens[-1]]) :]
        return tokens

    def written(self, seed: int, ends_of_text: Sequence[str] = (), max_tokens: int = 2000) -> str:
        """An output by chance: at each step any token that the grammar allows, rather one that ends something."""
        chance = random.Random(seed)
        self._matcher.reset()
        tokens: list[int] = []
        while len(tokens) < max_tokens and not (self._matcher.is_accepting() and chance.random() < 0.5):
            allowed = self._ending(ends_of_text, chance) if chance.random() < 0.3 else []
            allowed = allowed or [[chance.choice(self._allowed(rather_endings=chance.random() < 0.5))]]
            if allowed == [[self._vocabulary.eos_token_id]]:
                break
            tokens += chance.choice(allowed)
            assert self._matcher.consume_tokens(tokens[-len(allowed[0]) :])
        assert self._matcher.is_accepting(), self._text(tokens)
        return self._text(tokens)

    def _allowed(self, rather_endings: bool) -> list[int]:
        """Tokens that may come now; EOS only where nothing else may."""
        mask = self._matcher.compute_logit_bias()
        allowed = [token for token in range(len(mask)) if mask[token] and token != self._vocabulary.eos_token_id]
        endings = [token for token in allowed if self._vocabulary.tokens[token] in _ENDINGS]
        return (endings if rather_endings else []) or allowed or [self._vocabulary.eos_token_id]

    def _ending(self, ends_of_text: Sequence[str], chance: random.Random) -> list[list[int]]:
        """One of these that may come now, as tokens: otherwise nobody would write them."""
        spelled = (self._tokens(text, longest=False) for text in ends_of_text)
        fitting = [tokens for tokens in spelled if self._matcher.validate_tokens(tokens) == len(tokens)]
        return [chance.choice(fitting)] if fitting else []

    def _text(self, tokens: Sequence[int]) -> str:
        return b"".join(self._vocabulary.tokens[token] for token in tokens).decode(errors="replace")


_ENDINGS = [text.encode() for text in (*'"}])>,<|/\n', "</", '"}', "`")]


@cache
def _tokenizer(control: tuple[str, ...]) -> tuple[_SmallVocabulary, LLTokenizer]:
    vocabulary = _SmallVocabulary(control)
    return vocabulary, LLTokenizer(TokenizerWrapper(vocabulary))


def check_random_outputs(
    family: ToolFamily, tools: Sequence[Tool] = TOOLS, ends_of_text: Sequence[str] = (), num_outputs: int = 6
) -> None:
    """Whatever a grammar lets through, the parser takes for calls, and their arguments validate."""
    for has_control in (False, True):
        for parallel in (False, True):
            follower = Follower(family, tools, parallel, has_control)
            for seed in range(num_outputs):
                text = follower.written(seed, ends_of_text)
                parts = taken_apart(family, text, tools) if len(text) < 100 else _parsed(family.parser(tools), [text])
                calls = [part for part in parts if part[0] == "call"]
                assert calls and len(calls) == len([part for part in parts if part[0] != "reasoning"]), text
                assert parallel or len(calls) == 1, text
                for _, name, arguments in calls:
                    schema = next(tool.parameters for tool in tools if tool.name == name)
                    jsonschema.validate(json.loads(arguments), dict[str, Any](schema))
