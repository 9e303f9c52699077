"""A name and JSON: functionary 3.1 as `<function=name>{...}</function>`, 3.2 as `>>>name` and a line of its own.

A model of 3.2 addresses everything that it says: `>>>all` stands in front of what is for the user, and the template
writes the first `>>>` itself. So this format is read and forced without tools, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.answers.parts import OutputPart
from server.chat.calls.calls import Calls, content_and_calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.lark import call_rules, literal, several
from server.chat.calls.opened import MAX_HEADER_LENGTH, OpenedFamily
from server.chat.calls.reader import Broken, Reader, SteppedParser, Steps
from server.chat.parser import OutputParser
from server.chat.tools import Tool
from server.protocol.values import Thoughts

ADDRESS = ">>>"
USER = "all\n"


class Functionary31(OpenedFamily):
    """Calls follow each other without anything between them."""

    name = "functionary-3.1"
    call_starts = ("<function=",)
    call_end = "</function>"

    def recognizes(self, template_source: str) -> bool:
        return all(tag in template_source for tag in (*self.call_starts, self.call_end))

    @property
    def markers(self) -> tuple[str, ...]:
        return ()

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(*self.call_starts)
        name = yield from reader.whole_before(">", max_length=MAX_HEADER_LENGTH)
        yield from reader.take(">")
        yield calls.start(name.strip())
        reader.commit()
        yield from read_arguments(reader, calls)
        yield from reader.take_closing(self.call_end)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        rules = call_rules(tools, lambda tool: literal(f"<function={tool.name}>"), literal(self.call_end))
        return f"tool_calls: {several('tool_call', '', parallel)}\n{rules}"


class Functionary32:
    """A `ChannelFamily` without reasoning. Only an address that is a tool's or the user's is one."""

    name = "functionary-3.2"
    markers: tuple[str, ...] = ()
    call_starts: tuple[str, ...] = ()
    owns_reasoning = True
    thoughts = Thoughts((), ("\n",), are_open=True)
    """None, but the first line is an address."""

    def recognizes(self, template_source: str) -> bool:
        return f"{ADDRESS}all" in template_source

    def parser(self, tools: Sequence[Tool]) -> OutputParser:
        return AddressedParser(tools)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        rules = call_rules(tools, lambda tool: literal(f"{tool.name}\n"))
        return f"tool_calls: {several('tool_call', literal(ADDRESS), parallel)}\n{rules}"

    def before_answer(self, mark: Mark) -> str:
        return f"tool_before_answer: {literal(USER)}\n"


class AddressedParser:
    """Implements `ReasoningParser`; there is no reasoning."""

    is_reasoning = False

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._calls = Calls(tools)
        self._addresses = (USER, *(f"{tool.name}\n" for tool in tools))
        self._parser = SteppedParser(self._read_all)

    def feed(self, text: str) -> list[OutputPart]:
        return self._parser.feed(text)

    def finish(self) -> list[OutputPart]:
        return self._parser.finish()

    def _read_all(self, reader: Reader) -> Steps[None]:
        try:
            yield from self._read_message(reader, self._calls)
        except Broken:
            reader.give_back()
        openings = [f"{ADDRESS}{address}" for address in self._addresses]
        yield from content_and_calls(reader, self._calls, openings, self._read_message)

    def _read_message(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take_if(ADDRESS)
        address = yield from reader.take(*self._addresses)
        if address != USER:
            yield calls.start(address.strip())
            reader.commit()
            yield from read_arguments(reader, calls)
        reader.commit()
