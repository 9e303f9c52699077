"""Channels: gpt-oss writes messages to itself, to the user and to functions, each with a header.

    <|channel|>analysis<|message|>reasoning<|end|><|start|>assistant<|channel|>final<|message|>content<|return|>
    <|channel|>commentary to=functions.name <|constrain|>json<|message|>{...}<|call|>

Reasoning and calls cannot be told apart from outside, so this family owns both. Commentary without a recipient is for
the user: content. So is what a message to somebody unknown says. Headers and control tokens are nobody's text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from server.answers.parts import ContentText, ReasoningText
from server.chat.calls.calls import Calls, pass_on, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.lark import call_rules, literal, text_rule
from server.chat.calls.opened import MAX_HEADER_LENGTH
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.calls.thinking import ThinkingParser, read_text
from server.chat.parser import OutputParser
from server.chat.tools import Tool
from server.protocol.values import Thoughts

START, CHANNEL, MESSAGE, CONSTRAIN = "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>"
ENDS = ("<|end|>", "<|call|>", "<|return|>")
_OPENINGS = (START, CHANNEL, "to=")
_STRAY = (MESSAGE, CONSTRAIN, *ENDS)
"""Where no message is: the model forgot what belongs around them."""

_RECIPIENT = re.compile(r"\bto=([^\s<]+)")
_CHANNEL = re.compile(rf"{re.escape(CHANNEL)}\s*(\w+)")
_FUNCTION = "functions."

_SAID = ("final", "commentary", "json")
"""The last words of headers of what is no thought."""


class Harmony:
    """One call at a time: behind `<|call|>` the model stops."""

    name = "harmony"
    markers = (START, CHANNEL, MESSAGE, CONSTRAIN, *ENDS)
    call_starts: tuple[str, ...] = ()
    owns_reasoning = True
    thoughts = Thoughts((START, CHANNEL), tuple(f"{last}{MESSAGE}" for last in _SAID), recur=True)

    def recognizes(self, template_source: str) -> bool:
        return CHANNEL in template_source and MESSAGE in template_source

    def parser(self, tools: Sequence[Tool]) -> OutputParser:
        return HarmonyParser(tools)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        def start(tool: Tool) -> str:
            header = f"{mark(CHANNEL)} {literal(f'commentary to={_FUNCTION}{tool.name} ')}"
            return f'{header} {mark(CONSTRAIN)} "json" {mark(MESSAGE)}'

        return f"tool_calls: tool_thought? tool_call\n{_thought_rules('tool_thought', mark)}{call_rules(tools, start)}"

    def before_answer(self, mark: Mark) -> str:
        header = f'{mark(CHANNEL)} "final" {mark(MESSAGE)}'
        return f"tool_before_answer: tool_before_thought? {header}\n{_thought_rules('tool_before_thought', mark)}"


class HarmonyParser(ThinkingParser):
    """Reads one message after the other."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        super().__init__(self._read)
        self._calls = Calls(tools)

    def _read(self, reader: Reader) -> Steps[None]:
        openings: tuple[str, ...] = _OPENINGS
        follows_message = False
        while (yield from reader.peek()):
            yield from reader.space()
            if reader.has_ended:
                space = reader.rest()
                if not follows_message:
                    yield ContentText(space)
                break
            if (yield from reader.take_if(*_STRAY)):
                reader.commit()
                continue
            opens = yield from reader.find(*openings)
            reader.give_back()
            if opens:
                follows_message = yield from self._read_message(reader, openings)
            else:
                yield from read_text(reader, ContentText, (START, CHANNEL, *_STRAY), holds_space=True)
                follows_message = False
            openings = _OPENINGS[:2]

    def _read_message(self, reader: Reader, openings: Sequence[str]) -> Steps[bool]:
        """Whether there was one, and not only the beginning of its header."""
        try:
            yield from reader.space()
            header = yield from reader.whole_before(MESSAGE, max_length=MAX_HEADER_LENGTH)
        except Broken:
            yield from _pass_on(reader, openings)
            return False
        yield from reader.take(MESSAGE)
        try:
            yield from self._read_body(reader, _CHANNEL.search(header), _RECIPIENT.search(header))
        except Broken:
            reader.give_back()
            return False
        yield from reader.take_closing(*ENDS)
        return True

    def _read_body(self, reader: Reader, channel: re.Match[str] | None, recipient: re.Match[str] | None) -> Steps[None]:
        called = recipient[1].removeprefix(_FUNCTION) if recipient else ""
        if called in self._calls.tools:
            yield self._calls.start(called)
            reader.commit()
            yield from read_arguments(reader, self._calls)
            return
        reader.commit()
        self.is_thinking = bool(not recipient and channel and channel[1] == "analysis")
        part = ReasoningText if self.is_thinking else ContentText
        yield from read_text(reader, part, (*ENDS, START, CHANNEL))
        self.is_thinking = False


def _thought_rules(name: str, mark: Mark) -> str:
    thought = f'{mark(CHANNEL)} "analysis" {mark(MESSAGE)} {name}_text {mark(START)} "assistant"'
    return f"{name}: {thought}\n{text_rule(f'{name}_text', ENDS[0], ENDS, mark)}"


def _pass_on(reader: Reader, openings: Sequence[str]) -> Steps[None]:
    """A header that was cut off is nothing, one that does not end is text behind the control token that began it."""
    reader.give_back()
    yield from reader.space()
    if (yield from reader.take_if(*_OPENINGS[:2])):
        if reader.is_complete:
            reader.rest()
        reader.commit()
    else:
        reader.give_back()
        yield from pass_on(reader, openings)
