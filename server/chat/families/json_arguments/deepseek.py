"""Names and arguments between control tokens: DeepSeek's, with a fence of JSON in V2.5, V3 and R1, without in V3.1."""

from __future__ import annotations

from collections.abc import Sequence

from server.chat.calls.calls import Calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.lark import call_rules, literal, several
from server.chat.calls.opened import MAX_HEADER_LENGTH
from server.chat.calls.reader import Reader, Steps
from server.chat.calls.sectioned import Sectioned
from server.chat.tools import Tool


def _control(words: str) -> str:
    """DeepSeek's control tokens have a full-width bar and block characters for spaces."""
    return "<\uff5c" + words.replace(" ", "\u2581") + "\uff5c>"


CALLS_BEGIN, CALLS_END = _control("tool calls begin"), _control("tool calls end")
CALL_BEGIN, CALL_END = _control("tool call begin"), _control("tool call end")
SEPARATOR = _control("tool sep")
FENCE = "\n```json\n"


class DeepSeek(Sectioned):
    """`<tool call begin>function<tool sep>name`, a fence of JSON, `<tool call end>`. Both ways are read."""

    name = "deepseek"
    call_starts = (CALLS_BEGIN, CALL_BEGIN)
    other_markers = (SEPARATOR, CALL_END, CALLS_END)
    section_begin, section_end = CALLS_BEGIN, CALLS_END
    call_begin, call_end = CALL_BEGIN, CALL_END

    def recognizes(self, template_source: str) -> bool:
        return CALL_BEGIN in template_source

    def _read_call(self, reader: Reader, calls: Calls) -> Steps[None]:
        name = yield from reader.whole_before(SEPARATOR, max_length=MAX_HEADER_LENGTH)
        yield from reader.take(SEPARATOR)
        is_fenced = name.strip() == "function" and (yield from reader.peek()) != "{"
        if is_fenced:
            name = yield from reader.whole_before("\n", "```", max_length=MAX_HEADER_LENGTH)
            calls.check(name.strip())
            yield from reader.space()
            yield from reader.take("```json")
        yield calls.start(name.strip())
        reader.commit()
        yield from read_arguments(reader, calls)
        if is_fenced:
            yield from reader.take_closing("```")

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        calls = several(f"{mark(CALL_BEGIN)} tool_call {mark(CALL_END)}", literal("\n"), parallel)

        def start(tool: Tool) -> str:
            return f'"function" {mark(SEPARATOR)} {literal(tool.name)} {literal(FENCE)}'

        rules = call_rules(tools, start, literal("\n```"))
        return f"tool_calls: {mark(CALLS_BEGIN)} {calls} {mark(CALLS_END)}\n{rules}"


class DeepSeekV31(DeepSeek):
    """`<tool call begin>name<tool sep>{...}<tool call end>`."""

    name = "deepseek-v3.1"

    def recognizes(self, template_source: str) -> bool:
        return CALL_BEGIN in template_source and "```json" not in template_source

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        call = f"{mark(CALL_BEGIN)} tool_call {mark(CALL_END)}"
        rules = call_rules(tools, lambda tool: f"{literal(tool.name)} {mark(SEPARATOR)}")
        return f"tool_calls: {mark(CALLS_BEGIN)} {several(call, '', parallel)} {mark(CALLS_END)}\n{rules}"
