"""Messages between control tokens, reasoning and calls among them: Solar Open.

    <|think|>reasoning<|end|><|begin|>assistant<|content|>content<|end|>
    <|tool_calls|><|tool_call:begin|>id<|tool_call:name|>name<|tool_call:args|>{...}<|tool_call:end|><|calls|>

The template ends with `<|begin|>assistant`, so an output says itself what it is, and this family owns the reasoning.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.answers.parts import ReasoningText
from server.chat.calls.calls import Calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.lark import call_rules, literal, several, text_rule
from server.chat.calls.opened import MAX_HEADER_LENGTH
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.calls.thinking import ThinkingParser, read_marked_text, read_text
from server.chat.parser import OutputParser
from server.chat.tools import Tool
from server.protocol.values import Thoughts

BEGIN, THINK, CONTENT, CALLS, END = "<|begin|>", "<|think|>", "<|content|>", "<|tool_calls|>", "<|end|>"
CALL_BEGIN, CALL_NAME, CALL_ARGUMENTS = "<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>"
CALL_END, CALLS_END = "<|tool_call:end|>", "<|calls|>"
TURN = f"{BEGIN}assistant"

_FRAME = (TURN, BEGIN, CONTENT, CALLS, END, CALL_NAME, CALL_ARGUMENTS, CALL_END, CALLS_END)
_ID = "[a-z0-9]{10}"


class Solar:
    """The ids are the model's own."""

    name = "solar"
    markers = (BEGIN, THINK, CONTENT, CALLS, END, CALL_BEGIN, CALL_NAME, CALL_ARGUMENTS, CALL_END, CALLS_END)
    call_starts: tuple[str, ...] = ()
    owns_reasoning = True
    thoughts = Thoughts((BEGIN, THINK, CALLS, CALL_BEGIN), (CONTENT, CALL_ARGUMENTS), recur=True)

    def recognizes(self, template_source: str) -> bool:
        return CALL_BEGIN in template_source

    def parser(self, tools: Sequence[Tool]) -> OutputParser:
        return SolarParser(tools)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        def start(tool: Tool) -> str:
            return f"{mark(CALL_BEGIN)} /{_ID}/ {mark(CALL_NAME)} {literal(tool.name)} {mark(CALL_ARGUMENTS)}"

        calls = f"{mark(CALLS)} {several('tool_call', '', parallel)} {mark(CALLS_END)}"
        rules = call_rules(tools, start, mark(CALL_END))
        return f"tool_calls: tool_thought? {calls}\n{_thought_rules('tool_thought', mark)}{rules}"

    def before_answer(self, mark: Mark) -> str:
        thought = _thought_rules("tool_before_thought", mark)
        return f"tool_before_answer: tool_before_thought? {mark(CONTENT)}\n{thought}"


class SolarParser(ThinkingParser):
    """Reads what follows one marker after the other."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        super().__init__(self._read)
        self._calls = Calls(tools)

    def _read(self, reader: Reader) -> Steps[None]:
        yield from read_marked_text(reader, self._read_marked, (*_FRAME, THINK, CALL_BEGIN))

    def _read_marked(self, reader: Reader) -> Steps[bool]:
        """Whether a marker came, and what is read of it."""
        marker = yield from reader.take_if(*_FRAME, THINK, CALL_BEGIN)
        if marker == CALL_BEGIN:
            yield from self._read_call(reader)
        elif marker:
            reader.commit()
        if marker == THINK:
            self.is_thinking = True
            yield from read_text(reader, ReasoningText, (END, TURN, CALLS))
            self.is_thinking = False
        return bool(marker)

    def _read_call(self, reader: Reader) -> Steps[None]:
        """Of a call of an unknown function only the arguments are text; a header that was cut off is nothing."""
        try:
            call_id = yield from reader.whole_before(CALL_NAME, max_length=MAX_HEADER_LENGTH)
            yield from reader.take(CALL_NAME)
            name = yield from reader.whole_before(CALL_ARGUMENTS, max_length=MAX_HEADER_LENGTH)
            yield from reader.take(CALL_ARGUMENTS)
        except Broken:
            if reader.is_complete:
                reader.rest()
            reader.commit()
            return
        if name.strip() not in self._calls.tools:
            reader.commit()
            return
        yield self._calls.start(name.strip(), call_id.strip())
        reader.commit()
        try:
            yield from read_arguments(reader, self._calls)
        except Broken:
            reader.give_back()


def _thought_rules(name: str, mark: Mark) -> str:
    thought = f'{mark(THINK)} {name}_text {mark(BEGIN)} "assistant"'
    return f"{name}: {thought}\n{text_rule(f'{name}_text', END, (END,), mark)}"
