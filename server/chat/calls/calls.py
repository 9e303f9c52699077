"""The calls of one output as they are found, and the loop that all formats have in common: content, a call, content.

It knows tools and parts, and of a format only how its calls open and what reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.answers.parts import ContentText, ToolCallArguments, ToolCallStarted
from server.chat.calls.json_scanner import JsonScanner
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.tools import Tool, new_call_id


class Calls:
    """Numbers the calls of one output."""

    def __init__(self, tools: Sequence[Tool], new_id: Callable[[], str] = new_call_id) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self.num_started = 0
        self._new_id = new_id
        self._ids = set[str]()

    def check(self, name: str) -> None:
        """Raises Broken for a function that is not among the tools: what looks like its call is text."""
        if name not in self.tools:
            raise Broken

    def start(self, name: str, call_id: str = "") -> ToolCallStarted:
        """The same, then the next call's first part, with the model's own id if it has one and uses it once."""
        self.check(name)
        self.num_started += 1
        if not call_id or call_id in self._ids:
            call_id = self._new_id()
        self._ids.add(call_id)
        return ToolCallStarted(self.num_started - 1, call_id, name)

    def arguments(self, text: str) -> ToolCallArguments:
        """More of the arguments of the call that was started last."""
        return ToolCallArguments(self.num_started - 1, text)


def read_arguments(reader: Reader, calls: Calls) -> Steps[None]:
    """A JSON object as it stands there, passed on while it comes; raises Broken for anything else."""
    yield from reader.space()
    if (yield from reader.peek()) != "{":
        raise Broken
    scanner = JsonScanner()
    while piece := (yield from reader.json_piece(scanner)):
        reader.commit()
        yield calls.arguments(piece)


def content_and_calls(
    reader: Reader, calls: Calls, openings: Sequence[str], read: Callable[[Reader, Calls], Steps[None]]
) -> Steps[None]:
    """Everything up to an opening is content; there `read` takes over, until the call or the calls are read.

    `read` begins behind white space, in front of the opening. It commits what has become parts and raises Broken
    where the text is not its format; what is not committed then is content. White space around calls is not.
    """
    follows_call = calls.num_started > 0
    while True:
        while text := (yield from reader.text_before(*openings, holds_space=True)):
            follows_call = False
            reader.commit()
            yield ContentText(text)
        yield from reader.space()
        if not (yield from reader.peek()):
            break
        try:
            yield from read(reader, calls)
            reader.commit()
            follows_call = True
        except Broken:
            yield from pass_on(reader, openings)
            follows_call = False
    if not follows_call and (space := reader.rest()):
        yield ContentText(space)


def pass_on(reader: Reader, openings: Sequence[str]) -> Steps[None]:
    """What broke becomes content: all of it if it was cut off, else its opening, behind which there may be a call."""
    was_cut_off = reader.has_ended
    reader.give_back()
    text = reader.rest() if was_cut_off else ""
    if not was_cut_off:
        text = (yield from reader.space()) + (yield from reader.take_if(*openings))
    reader.commit()
    if text:
        yield ContentText(text)
