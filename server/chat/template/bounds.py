"""Limits on what one rendering may do, so that a bad template costs its request and not the server.

jinja2's sandbox bounds what a template may touch and the length of a `range`; this bounds how long it runs and how
large its values grow, and refuses before the memory is taken. It does not know what is rendered.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from server.chat.template.text import plain

MAX_LENGTH = 32 * 1024 * 1024
"""Characters of a string."""
MAX_ITEMS = 1_000_000
"""Of a list or an object."""
MAX_BITS = 4096
"""Of a number."""
MAX_TURNS = 5_000_000
"""Turns of loops and calls of one rendering, all together; a few seconds."""
MAX_TURNS_TRIED = 20_000
"""Those of a rendering by which something is found out about the template: there are dozens, all of them small."""
TURNS_AT_ONCE = 5_000
"""Turns after which other requests may go on; some milliseconds."""
ITEMS_A_TURN, CHARACTERS_A_TURN = 16, 1024
"""Items and characters that are gone through at once, as by a filter, in the time of one turn."""
MAX_COUNT = 100_000
"""Widths and repetitions; the sandbox's own limit for `range`."""

_COUNTING = frozenset(
    ["batch", "center", "expandtabs", "indent", "lipsum", "ljust", "rjust", "slice", "tojson", "wordwrap", "zfill"]
)
"""Methods, filters and functions that make as much as a number among their arguments says."""
_DEEP = frozenset(["index", "count", "remove"])
"""Methods that compare all that is in their arguments with what they belong to."""
_BRACKET = re.compile(r"[()]")
_WIDE_PERCENT = re.compile(r"[-+ #0]*(?:\*|\d{6}|\d*\.(?:\*|\d{6}))")
"""Of a `%` format, what is behind the sign and the name."""
_WIDE_SPEC = re.compile(r"\d{6}")


class LimitExceeded(Exception):
    """A template wants more than it may have."""


class Budget:
    """The loop turns and calls that are left to one rendering."""

    def __init__(self, max_turns: int) -> None:
        self._max_turns = self._num_left = max_turns
        self._num_to_pause = TURNS_AT_ONCE

    def spend(self, num_turns: int = 1) -> None:
        self._num_left -= num_turns
        self._num_to_pause -= num_turns
        if self._num_left < 0:
            raise LimitExceeded(f"it takes more than {self._max_turns} loop turns and calls")
        if self._num_to_pause < 0:
            self._num_to_pause = TURNS_AT_ONCE
            time.sleep(0)

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.spend()
            yield item


_budget: ContextVar[Budget] = ContextVar("budget of the rendering that goes on")


def begin(*, is_trial: bool) -> Budget:
    """A budget for the rendering that begins now."""
    budget = Budget(MAX_TURNS_TRIED if is_trial else MAX_TURNS)
    _budget.set(budget)
    return budget


def spend_on(*values: Any) -> None:
    """Spend what it takes to go through values once, without what is in their items."""
    num_turns = 0
    for value in values:
        if isinstance(value, str):
            num_turns += len(value) // CHARACTERS_A_TURN
        elif isinstance(value, (list, tuple, dict)):
            num_turns += len(value) // ITEMS_A_TURN
    if num_turns:
        _budget.get().spend(num_turns)


def check_depths(value: Any) -> Any:
    """The value itself, unless there is too much in it to be written out or compared.

    A list may hold another one twice, and so on: what takes little memory may be without end when it is gone through.
    """
    if isinstance(value, (list, tuple, dict)):
        _go_through(value)
    return value


def _go_through(value: Any) -> None:
    budget = _budget.get()
    length = 0
    todo = [value]
    while todo:
        item = todo.pop()
        budget.spend()
        if isinstance(item, str):
            length += len(item)
            check_length(length)
        elif isinstance(item, dict):
            todo += item.keys()
            todo += item.values()
        elif isinstance(item, (list, tuple)):
            todo += item


def check_length(length: int) -> None:
    """Of a string."""
    if length > MAX_LENGTH:
        raise LimitExceeded(f"it makes a text of {length} characters, more than {MAX_LENGTH}")


def check_size(value: Any, times: int = 1) -> Any:
    """The value itself, unless it is too large, or would be that many times over."""
    if isinstance(value, str):
        check_length(len(value) * times)
    elif isinstance(value, (list, tuple, dict)) and len(value) * times > MAX_ITEMS:
        raise LimitExceeded(f"it makes a list or an object of {len(value) * times} items, more than {MAX_ITEMS}")
    return value


def check_operands(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation whose result would be too large to compute."""
    if operator == "%":
        _check_percent_format(left)
        check_depths(right)
    elif isinstance(left, int) and isinstance(right, int):
        _check_bits(operator, left.bit_length(), right)
    elif operator == "*" and isinstance(right, int):
        check_size(left, times=right)
    elif operator == "*" and isinstance(left, int):
        check_size(right, times=left)


def check_call(name: str, receiver: Any, arguments: Sequence[Any]) -> None:
    """Refuse a call, of a method or filter on `receiver`, whose result would be too large to compute."""
    if name == "format":
        _check_percent_format(receiver)
    if name in _DEEP:
        check_depths([receiver, *arguments])
    if name in _COUNTING and any(isinstance(argument, int) and argument > MAX_COUNT for argument in arguments):
        raise LimitExceeded(f"it asks '{name}' for more than {MAX_COUNT}")
    if name == "replace" and len(arguments) > 1 and isinstance(receiver, str) and isinstance(arguments[1], str):
        check_length(len(receiver) + receiver.count(arguments[0]) * len(arguments[1]))


def _check_bits(operator: str, num_bits: int, right: int) -> None:
    result_bits = {"*": num_bits + right.bit_length(), "**": num_bits * right}.get(operator, 0)
    if result_bits > MAX_BITS:
        raise LimitExceeded(f"it computes a number of {result_bits} bits, more than {MAX_BITS}")


def _check_percent_format(format_string: Any) -> None:
    """Refuse `%` formats that pad without bound."""
    if not isinstance(format_string, str):
        return
    text, at = plain(format_string), 0
    while at := text.find("%", at) + 1:
        if text.startswith("(", at):
            at = _behind_name(text, at)
        if _WIDE_PERCENT.match(text, at):
            raise LimitExceeded("it formats a text with a very large width")
        at += text.startswith("%", at)


def _behind_name(text: str, at: int) -> int:
    """Where the bracket closes that opens here; the text's end if it does not, which Python refuses."""
    num_open = 0
    for bracket in _BRACKET.finditer(text, at):
        num_open += 1 if bracket[0] == "(" else -1
        if num_open == 0:
            return bracket.end()
    return len(text)


def check_format_spec(spec: str) -> None:
    """Refuse a field of `str.format` that pads without bound."""
    if _WIDE_SPEC.search(spec):
        raise LimitExceeded(f"it formats a text with the width {spec[:20]!r}")
