"""`[TOOL_CALLS]`: Mistral's, as an array of JSON objects in older models, and `name[ARGS]{...}` in newer ones.

Templates refuse ids that are not nine letters and digits, so those are made here.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Sequence

from server.chat.calls.calls import Calls, read_arguments
from server.chat.calls.family import Mark
from server.chat.calls.json_calls import json_call_rules, read_json_calls
from server.chat.calls.lark import call_rules, literal, several
from server.chat.calls.opened import MAX_HEADER_LENGTH, OpenedFamily
from server.chat.calls.reader import Reader, Steps
from server.chat.tools import Tool

START, ID, ARGUMENTS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
_ID_LENGTH = 9
_ID = re.compile(rf"[a-zA-Z0-9]{{{_ID_LENGTH}}}")


def new_mistral_id() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(_ID_LENGTH))


class Mistral(OpenedFamily):
    """`[TOOL_CALLS]name[ARGS]{...}`, a marker for each call. All ways are read, whichever the template teaches."""

    name = "mistral"
    call_starts: tuple[str, ...] = (START,)
    other_markers = (ID, ARGUMENTS)

    def recognizes(self, template_source: str) -> bool:
        return START in template_source and ARGUMENTS in template_source

    def _calls(self, tools: Sequence[Tool]) -> Calls:
        return Calls(tools, new_mistral_id)

    def _read(self, reader: Reader, calls: Calls) -> Steps[None]:
        yield from reader.take(START)
        yield from reader.space()
        if (yield from reader.peek()) in ("[", "{"):
            yield from read_json_calls(reader, calls)
            return
        name = yield from reader.whole_before(ID, ARGUMENTS, "{", max_length=MAX_HEADER_LENGTH)
        calls.check(name.strip())
        call_id = ""
        if (yield from reader.take_if(ID)):
            call_id = (yield from reader.whole_before(ARGUMENTS, "{", max_length=MAX_HEADER_LENGTH)).strip()
        yield from reader.take_if(ARGUMENTS)
        yield calls.start(name.strip(), call_id if _ID.fullmatch(call_id) else "")
        reader.commit()
        yield from read_arguments(reader, calls)

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        def start(tool: Tool) -> str:
            return f"{mark(START)} {literal(tool.name)} {self._between(mark)} {mark(ARGUMENTS)}"

        return f"tool_calls: {several('tool_call', '', parallel)}\n{call_rules(tools, start)}"

    def _between(self, mark: Mark) -> str:
        return ""


class MistralWithIds(Mistral):
    """`[TOOL_CALLS]name[CALL_ID]123456789[ARGS]{...}`: Mistral Small 3.2. The ids are the model's own."""

    name = "mistral-ids"

    def recognizes(self, template_source: str) -> bool:
        return super().recognizes(template_source) and ID in template_source

    def _between(self, mark: Mark) -> str:
        return f"{mark(ID)} /{_ID.pattern}/"


class MistralArray(Mistral):
    """`[TOOL_CALLS] [{"name": ..., "arguments": {...}, "id": ...}]`: Mistral 7B 0.3, Nemo, Mistral Small 3.1."""

    name = "mistral-array"

    def recognizes(self, template_source: str) -> bool:
        return START in template_source

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        calls = several("tool_call", literal(", "), parallel)
        return f'tool_calls: {mark(START)} " [" {calls} "]"\n{json_call_rules(tools)}'
