"""Bytes to a JSON object, or an error that says what is wrong and where.

Stricter than RFC 8259 where a lenient value would break something further on: no NUL and no half surrogate pairs in
strings, finite numbers, bounded nesting. This module does not know what the object should contain.

msgspec decodes. Its own error messages are terse or misleading (a half surrogate pair is "truncated input"), so after
a failure, and only then, the slower and more lenient parser of the standard library is used to find the culprit.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import msgspec

from server.errors.tree import MAX_ECHO, InvalidRequest

MAX_DEPTH = 64
"""Objects and arrays within each other. Deeper ones would exhaust the stack of whoever walks them later."""

MAX_BRACKETS = 100_000
"""Opening brackets in a body: each may become a container, thirty times as large as it is in JSON."""

MAX_EXPLAINED_COMMAS = 200_000
"""About the number of values. Larger bodies are refused without naming the place: the search would hold up others."""

SURROGATE = re.compile("[\ud800-\udfff]")

NUL_ESCAPE = b"\\u0000"
"""The only spelling of NUL inside a JSON string: a raw one is malformed."""


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; raises InvalidRequest."""
    if not body or body.isspace():
        raise InvalidRequest("The request body is empty; a JSON object is expected.")
    num_brackets = body.count(b"[") + body.count(b"{")
    if num_brackets > MAX_BRACKETS:
        raise InvalidRequest(f"The request body has {num_brackets} brackets; at most {MAX_BRACKETS} are accepted.")
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explanation(body, error) from None
    if not isinstance(value, dict):
        raise _not_an_object(value)
    if num_brackets > MAX_DEPTH and _is_deeper_than(value, MAX_DEPTH):
        raise _too_deep()
    if NUL_ESCAPE in body:
        _refuse_nul(value)
    return value


def _not_an_object(value: object) -> InvalidRequest:
    return InvalidRequest(f"The request body must be a JSON object, not {_kind(value)}.")


def _kind(value: object) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _is_deeper_than(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        children = (child for parent in level for child in _children(parent))
        level = [child for child in children if isinstance(child, (dict, list))]
        if not level:
            return False
    return True


def _children(container: Any) -> Any:
    return container.values() if isinstance(container, dict) else container


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The request body is nested too deeply: at most {MAX_DEPTH} levels are accepted.")


def _refuse_nul(value: dict[str, Any]) -> None:
    param = _find(value, _has_nul)
    if param is not None:
        raise InvalidRequest(f"The text at '{param}' contains a NUL character (\\u0000).", param=param)


# --- explaining a failure -------------------------------------------------------------------------------------------


def _explanation(body: bytes, error: Exception) -> InvalidRequest:
    if isinstance(error, RecursionError):
        return _too_deep()
    if body.count(b",") > MAX_EXPLAINED_COMMAS:
        return InvalidRequest(f"The request body is not acceptable JSON ({error}); it is too large to find the place.")
    try:
        # As floats, integers of any length are read in linear time.
        value = json.loads(body.decode(), parse_int=float)
    except UnicodeDecodeError as bad:
        byte = body[bad.start]
        return InvalidRequest(f"The request body is not valid UTF-8: byte 0x{byte:02x} at offset {bad.start}.")
    except json.JSONDecodeError as bad:
        return _syntax_error(bad)
    except RecursionError:
        return _too_deep()
    return _culprit(value) or InvalidRequest(f"The request body is not valid JSON: {error}.")


def _syntax_error(bad: json.JSONDecodeError) -> InvalidRequest:
    where = f"line {bad.lineno}, column {bad.colno}"
    if bad.pos >= len(bad.doc.rstrip()):
        where += ", where the body ends"
    return InvalidRequest(f"The request body is not valid JSON: {bad.msg.removesuffix(' at')} at {where}.")


def _culprit(value: object) -> InvalidRequest | None:
    """What only the lenient parser accepts, by name."""
    if not isinstance(value, dict):
        return _not_an_object(value)
    param = _find(value, _is_not_finite)
    if param is not None:
        return InvalidRequest(f"The number at '{param}' is too large or not finite.", param=param)
    param = _find(value, _has_surrogate)
    if param is not None:
        return InvalidRequest(f"The text at '{param}' contains half of a UTF-16 surrogate pair.", param=param)
    return None


def _is_not_finite(leaf: object) -> bool:
    return isinstance(leaf, float) and not math.isfinite(leaf)


def _has_surrogate(leaf: object) -> bool:
    return isinstance(leaf, str) and not leaf.isascii() and SURROGATE.search(leaf) is not None


def _has_nul(leaf: object) -> bool:
    return isinstance(leaf, str) and "\0" in leaf


# --- places in a document -------------------------------------------------------------------------------------------

Place = tuple[Any, str | int]
"""A step on the way from the document's root: the place of the parent, None for the root, and a key or an index."""


def _find(document: dict[str, Any], is_culprit: Callable[[object], bool]) -> str | None:
    """Where the first leaf or key is that `is_culprit`, such as "messages[0].content"."""
    pending: list[tuple[Place | None, Any]] = [(None, document)]
    while pending:
        place, container = pending.pop()
        keys = container if isinstance(container, dict) else range(len(container))
        for key, child in zip(keys, _children(container), strict=True):
            if isinstance(child, (dict, list)):
                pending.append(((place, key), child))
            elif is_culprit(child) or is_culprit(key):
                return _text((place, key))
    return None


def _text(place: Place | None) -> str:
    steps: list[str] = []
    while place is not None:
        place, key = place
        steps.append(f"[{key}]" if isinstance(key, int) else f".{_printable(key)}")
    return "".join(reversed(steps)).lstrip(".")[:MAX_ECHO]


def _printable(key: str) -> str:
    return key.encode("ascii", "backslashreplace").decode().replace("\0", "\\u0000")
