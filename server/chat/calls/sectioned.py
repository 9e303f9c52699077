"""What DeepSeek and Kimi have in common: a name and JSON between markers for each call, and markers around them all."""

from __future__ import annotations

from server.chat.calls.calls import Calls
from server.chat.calls.opened import OpenedFamily
from server.chat.calls.reader import Reader, Steps


class Sectioned(OpenedFamily):
    """The markers around all calls may be missing."""

    section_begin: str
    section_end: str
    call_begin: str
    call_end: str

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take_if(self.section_begin)
        yield from reader.space()
        yield from reader.take(self.call_begin)
        while True:
            yield from self._read_call(reader, calls)
            yield from reader.take_closing(self.call_end)
            yield from reader.take_closing(self.section_end)
            if not (yield from reader.take_if(self.call_begin)):
                break

    def _read_call(self, reader: Reader, calls: Calls) -> Steps[None]:
        raise NotImplementedError
