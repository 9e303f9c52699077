"""Sections between tags of control tokens, reasoning and calls among them: Kimi K3.

    <|open|>think<|sep|>reasoning<|close|>think<|sep|><|open|>response<|sep|>content<|close|>response<|sep|>
    <|open|>tools<|sep|><|open|>call tool="name" index="1"<|sep|>arguments<|close|>call<|sep|><|close|>tools<|sep|>
    <|open|>argument key="city" type="string"<|sep|>Paris<|close|>argument<|sep|>

All on one line, and behind it `<|close|>message<|sep|>`. The prompt ends with the tag that opens the thoughts, or the
response if there are to be none. What stands between tags is the text to the letter, and a value's type is in its tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Literal

from server.answers.parts import ContentText, OutputPart, ReasoningText
from server.chat.calls.bare_values import read_text, read_value
from server.chat.calls.calls import Calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.json_values import dumps
from server.chat.calls.lark import several, spelled, text_rule
from server.chat.calls.opened import MAX_HEADER_LENGTH
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.calls.schema_types import ANYTHING, property_schema, types_of
from server.chat.calls.thinking import ThinkingParser, read_marked_text
from server.chat.families.with_reasoning.kimi_k3_grammar import CLOSE, OPEN, SEP, call_rules, closed, opened
from server.chat.parser import OutputParser
from server.chat.tools import Tool
from server.protocol.values import Thoughts

Section = Literal["", "think", "response"]
"""Where an output begins: in front of all sections, or inside of one."""

_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_CALL_IS_WHOLE = ((CLOSE, "call"), (CLOSE, "tools"), (CLOSE, "message"), (OPEN, "call"))
"""Tags behind a call's last argument: the first is the call's own, which a model may forget."""


class KimiK3:
    """A `SectionedFamily`. Arguments that tags cannot promise are one JSON object, which the format has, too."""

    name = "kimi-k3"
    markers = (OPEN, CLOSE, SEP)
    call_starts: tuple[str, ...] = ()
    owns_reasoning = True

    def __init__(self, section: Section = "") -> None:
        self._section = section

    @property
    def thoughts(self) -> Thoughts:
        """All tags; those with attributes stand in front of arguments, and the response's in front of content."""
        return Thoughts((OPEN, CLOSE), (f"response{SEP}", f'"{SEP}'), are_open=self._section == "think", recur=True)

    def recognizes(self, template_source: str) -> bool:
        return OPEN in template_source and SEP in template_source and "xtml" in template_source

    def behind(self, prompt: str, is_answering: bool) -> KimiK3:
        if is_answering or prompt.endswith(opened("response")):
            return KimiK3("response")
        return KimiK3("think") if prompt.endswith(opened("think")) else self

    def parser(self, tools: Sequence[Tool]) -> OutputParser:
        return KimiK3Parser(tools, self._section)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        thought, thought_rules = self._thought("tool_thought", mark)
        silence = closed("response") if self._section == "response" else opened("response") + closed("response")
        answer = f"({spelled(silence, self.markers, mark)}){'' if self._section == 'response' else '?'}"
        start = spelled(opened("tools"), self.markers, mark)
        end = spelled(closed("tools") + closed("message"), self.markers, mark)
        section = f"tool_section: {start} {several('tool_call', '', parallel)} {end}\n"
        return f"tool_calls: {thought} {answer} tool_section\n{section}{thought_rules}{call_rules(tools, mark)}"

    def before_answer(self, mark: Mark) -> str:
        if self._section == "response":
            return 'tool_before_answer: ""\n'
        thought, thought_rules = self._thought("tool_before_thought", mark)
        return f"tool_before_answer: {thought} {spelled(opened('response'), self.markers, mark)}\n{thought_rules}"

    def behind_answer(self, mark: Mark) -> str:
        end, message_end = (spelled(closed(name), self.markers, mark) for name in ("response", "message"))
        return f"tool_behind_answer: {end} (tool_section | {message_end})\n"

    def _thought(self, name: str, mark: Mark) -> tuple[str, str]:
        """What may stand for the thoughts, and the rules for that."""
        if self._section == "response":
            return "", ""
        start = "" if self._section else spelled(opened("think"), self.markers, mark)
        rules = f"{name}: {start} {name}_text\n{text_rule(f'{name}_text', closed('think'), self.markers, mark)}"
        return (name if self._section else f"{name}?"), rules


@dataclass(frozen=True)
class Tag:
    """As it was written, and what it says."""

    text: str
    marker: str
    """OPEN or CLOSE."""
    name: str
    attributes: dict[str, str]


class KimiK3Parser(ThinkingParser):
    """Reads one section after the other."""

    def __init__(self, tools: Sequence[Tool], section: Section = "") -> None:
        super().__init__(self._read)
        self._section = section
        self._calls = Calls(tools)

    def _read(self, reader: Reader) -> Steps[None]:
        yield from self._read_section(reader, self._section)
        yield from read_marked_text(reader, self._read_marked, KimiK3.markers, follows_marker=bool(self._section))

    def _read_marked(self, reader: Reader) -> Steps[bool]:
        """Whether a tag came, and what is read behind it. A tag that was cut off is nothing."""
        if not (yield from reader.find(*KimiK3.markers)):
            return False
        try:
            tag = yield from _read_tag(reader)
        except Broken:
            if reader.is_complete:
                reader.rest()
            else:
                reader.give_back()
                yield from reader.space()
                yield from reader.take(*KimiK3.markers)
            reader.commit()
            return True
        reader.commit()
        if tag.marker == OPEN and tag.name == "call":
            yield from self._read_call(reader, tag)
        elif tag.marker == OPEN:
            yield from self._read_section(reader, tag.name)
        return True

    def _read_section(self, reader: Reader, name: str) -> Steps[None]:
        """The text up to a tag that ends it, or that begins what comes next."""
        if name == "think":
            self.is_thinking = True
            yield from _pass_on(reader, ReasoningText, closed("think"), opened("response"), opened("tools"))
            self.is_thinking = False
        elif name == "response":
            yield from _pass_on(reader, ContentText, closed("response"), opened("tools"), closed("message"))

    def _read_call(self, reader: Reader, tag: Tag) -> Steps[None]:
        tool = self._calls.tools.get(tag.attributes.get("tool", ""))
        if tool is None:
            yield ContentText(tag.text)
            yield from _pass_on(reader, ContentText, closed("call"))
            if end := (yield from reader.take_if(closed("call"))):
                reader.commit()
                yield ContentText(end)
            return
        yield self._calls.start(tool.name)
        try:
            yield from self._read_arguments(reader, tool)
        except Broken:
            reader.give_back()

    def _read_arguments(self, reader: Reader, tool: Tool) -> Steps[None]:
        separator = "{"
        while ((tag := (yield from _read_next_tag(reader))).marker, tag.name) not in _CALL_IS_WHOLE:
            reader.commit()
            if separator == "{" and tag.text.startswith(f"{OPEN}json"):
                yield from self._read_json(reader)
                return
            yield from self._read_argument(reader, tool, tag, separator)
            separator = ", "
        yield self._calls.arguments("{}" if separator == "{" else "}")
        if (tag.marker, tag.name) == _CALL_IS_WHOLE[0]:
            reader.commit()
        else:
            reader.give_back()

    def _read_json(self, reader: Reader) -> Steps[None]:
        """All arguments at once."""
        yield from read_arguments(reader, self._calls)
        yield from reader.take_closing(closed("json"))
        yield from reader.take_closing(closed("call"))

    def _read_argument(self, reader: Reader, tool: Tool, tag: Tag, separator: str) -> Steps[None]:
        key, declared = tag.attributes.get("key"), tag.attributes.get("type")
        if key is None or not tag.text.startswith(f"{OPEN}argument"):
            raise Broken
        yield self._calls.arguments(f"{separator}{dumps(key)}: ")
        types = types_of(property_schema(tool.parameters, key), tool.parameters)
        if declared == "string" or types == {"string"}:
            yield from read_text(reader, self._calls, closed("argument"))
        else:
            yield from read_value(reader, self._calls, types | (ANYTHING & {declared}), closed("argument"))
        reader.commit()


def _read_next_tag(reader: Reader) -> Steps[Tag]:
    """The same behind white space; what was read before is accounted for."""
    reader.commit()
    yield from reader.space()
    return (yield from _read_tag(reader))


def _read_tag(reader: Reader) -> Steps[Tag]:
    """Raises Broken where none comes, or it does not end."""
    marker = yield from reader.take(OPEN, CLOSE)
    said = yield from reader.whole_before(SEP, max_length=MAX_HEADER_LENGTH)
    yield from reader.take(SEP)
    attributes = {key: unescape(value) for key, value in _ATTRIBUTE.findall(said)}
    return Tag(f"{marker}{said}{SEP}", marker, said.partition(" ")[0], attributes)


def _pass_on(reader: Reader, part: Callable[[str], OutputPart], *ends: str) -> Steps[None]:
    """Text up to one of the tags, or to the end; half a tag there is nothing, but half a marker is text."""
    while text := (yield from reader.text_before(*ends, holds_half=True)):
        reader.commit()
        yield part(text)
    if not (yield from reader.find(*ends)):
        half = reader.rest()
        reader.commit()
        if half and not half.startswith((OPEN, CLOSE)):
            yield part(half)
