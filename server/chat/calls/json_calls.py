"""Calls that are JSON objects, `{"name": ..., "arguments": {...}}`, one by one or in an array.

Reads them and writes their grammar; what is around them, each family knows. Arguments are passed on while they come if
the name stands in front of them, as templates teach it; otherwise they wait for the end of the object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.chat.calls.calls import Calls, read_arguments
from server.chat.calls.json_values import is_encodable, loads
from server.chat.calls.lark import call_rules, literal
from server.chat.calls.reader import Broken, Reader, Steps
from server.chat.tools import Tool


@dataclass(frozen=True)
class CallKeys:
    """What the members of the object are called. Models mix "arguments" and "parameters" up, so both are read."""

    name: str = "name"
    arguments: str = "arguments"
    number: str | None = None
    """What the template numbers calls with; it is read and forgotten."""
    is_bare: bool = False
    """Whether nothing but its members tells a call from any other JSON: then it has none that calls do not have."""


STANDARD = CallKeys()
_MEMBERS = ("name", "function", "arguments", "parameters", "type", "id")


def read_json_calls(reader: Reader, calls: Calls, keys: CallKeys = STANDARD) -> Steps[None]:
    """One call, several behind each other, or an array; not an empty one, as somebody wrote that for something else."""
    is_array = yield from reader.take_if("[")
    yield from reader.space()
    yield from read_json_call(reader, calls, keys)
    while (yield from _goes_on(reader)):
        yield from read_json_call(reader, calls, keys)
    if is_array:
        yield from reader.take_closing("]")


def read_json_call(reader: Reader, calls: Calls, keys: CallKeys = STANDARD) -> Steps[None]:
    """One call; its closing bracket may be missing behind the arguments."""
    call = _Call(reader, calls, keys)
    is_closed = yield from _read_object(reader, call.read_member)
    yield from call.end(is_closed)
    reader.commit()


def json_call_rules(tools: Sequence[Tool], keys: CallKeys = STANDARD) -> str:
    """A rule `tool_call`, an object that calls one of the tools, with all that it needs."""
    number = f'{{"{keys.number}": "'
    opening = f'{literal(number)} /[0-9]{{1,2}}/ "\\", "' if keys.number else literal("{")

    def start(tool: Tool) -> str:
        members = f'"{keys.name}": {json.dumps(tool.name)}, "{keys.arguments}": '
        return f"{opening} {literal(members)}"

    return call_rules(tools, start, '"}"')


def _goes_on(reader: Reader) -> Steps[bool]:
    """Whether another object follows, behind white space or a separator, which are read only then."""
    yield from reader.space()
    yield from reader.take_if(",", ";")
    yield from reader.space()
    if (yield from reader.peek()) == "{":
        return True
    reader.give_back()
    return False


def _read_object(reader: Reader, read_member: Callable[[str], Steps[None]]) -> Steps[bool]:
    """An object that is not empty; whether its closing bracket is there."""
    yield from reader.take("{")
    separator = ","
    while separator:
        yield from reader.space()
        key = yield from _read_string(reader)
        yield from reader.space()
        yield from reader.take(":")
        yield from reader.space()
        yield from read_member(key)
        yield from reader.space()
        separator = yield from reader.take_if(",")
    return bool((yield from reader.take_if("}")))


class _Call:
    """What is known of the call that is being read."""

    def __init__(self, reader: Reader, calls: Calls, keys: CallKeys) -> None:
        self._reader = reader
        self._calls = calls
        self._keys = keys
        self._name: str | None = None
        self._held_arguments = "{}"
        self._has_started = False
        self._is_nested = False

    def read_member(self, key: str) -> Steps[None]:
        if self._keys.is_bare and key not in _MEMBERS:
            raise Broken
        is_object = (yield from self._reader.peek()) == "{"
        if key == "function" and is_object and not self._is_nested:
            # As in OpenAI's API: {"type": "function", "function": {"name": ..., "arguments": ...}}
            self._is_nested = True
            yield from _read_object(self._reader, self.read_member)
        elif key in (self._keys.name, "function") and self._name is None and not is_object:
            self._name = yield from _read_string(self._reader)
            self._calls.check(self._name)
        elif key not in (self._keys.arguments, "arguments", "parameters") or self._has_started:
            yield from self._reader.json_text()
        elif is_object and self._name is not None:
            yield from self._start(self._name)
            yield from read_arguments(self._reader, self._calls)
        else:
            self._held_arguments = _unwrapped((yield from self._reader.json_text()))

    def end(self, is_closed: bool) -> Steps[None]:
        """Everything of the object is read. Without any arguments it is a call only if it was closed."""
        if self._has_started:
            return
        if self._name is None or not is_closed:
            raise Broken
        yield from self._start(self._name)
        yield self._calls.arguments(self._held_arguments)

    def _start(self, name: str) -> Steps[None]:
        self._has_started = True
        yield self._calls.start(name)
        self._reader.commit()


def _read_string(reader: Reader) -> Steps[str]:
    if (yield from reader.peek()) != '"':
        raise Broken
    return str(json.loads((yield from reader.json_text())))


def _unwrapped(value: str) -> str:
    """The JSON text of an object that is `value`, or that a string `value` holds, as some models write it."""
    if value.startswith('"'):
        value = loads(value)
    if value.strip() in ("", "null"):
        return "{}"
    try:
        is_object = isinstance(loads(value), dict) and is_encodable(value)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise Broken
    return value
