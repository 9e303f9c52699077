"""One JSON value in a text that arrives in pieces: where it ends, without parsing it.

The text of the value comes out as it went in, to the byte, with one repair: control characters inside strings, which
models write and JSON forbids, are escaped. It does not know what the value means.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SPACE = " \t\n\r"
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NUMBER_START = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?:\.[0-9]+)?[eE][+-]?[0-9]*)?)?")
_LITERALS = ("true", "false", "null")
_ESCAPED = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class BadJson(Exception):
    """The text cannot go on like this."""


def is_whole_object(text: str) -> bool:
    """Whether the text is an object, and not only the beginning of one."""
    scanner = JsonScanner()
    try:
        scanner.scan(text, 0)
    except BadJson:
        return False
    return text.lstrip(_SPACE).startswith("{") and scanner.is_complete


class JsonScanner:
    """Reads one value. A number at the top is complete only when something follows it."""

    def __init__(self) -> None:
        self.is_complete = False
        self._state: Callable[[str, int], tuple[str, int]] = self._value
        self._open: list[str] = []
        """Closing brackets of the containers that the position is in."""
        self._is_first = False
        """Whether the container that was opened last is still empty."""
        self._is_key = False
        self._token = ""
        """What there is of a number, a literal or a `\\u` escape."""

    def scan(self, text: str, position: int) -> tuple[str, int]:
        """The value's text from the position on, and where that ends.

        Stops at the end of the text or of the value, or in front of what cannot be; raises BadJson where nothing can
        be read at all.
        """
        pieces: list[str] = []
        while position < len(text) and not self.is_complete:
            try:
                piece, position = self._state(text, position)
            except BadJson:
                if pieces:
                    break
                raise
            pieces.append(piece)
        return "".join(pieces), position

    def _value(self, text: str, position: int) -> tuple[str, int]:
        char = text[position]
        if char in _SPACE:
            return char, position + 1
        if self._is_first and char == "]":
            return self._close(char, position)
        if char in "{[":
            self._open.append("}" if char == "{" else "]")
            self._is_first = True
            self._state = self._key if char == "{" else self._value
        elif char == '"':
            self._is_key = False
            self._state = self._string
        elif char == "-" or char in "0123456789":
            self._token, self._state = char, self._number
        elif char in "tfn":
            self._token, self._state = char, self._literal
        else:
            raise BadJson
        if char not in "{[":
            self._is_first = False
        return char, position + 1

    def _key(self, text: str, position: int) -> tuple[str, int]:
        char = text[position]
        if char == '"':
            self._is_first, self._is_key = False, True
            self._state = self._string
        elif char == "}" and self._is_first:
            return self._close(char, position)
        elif char not in _SPACE:
            raise BadJson
        return char, position + 1

    def _colon(self, text: str, position: int) -> tuple[str, int]:
        char = text[position]
        if char == ":":
            self._state = self._value
        elif char not in _SPACE:
            raise BadJson
        return char, position + 1

    def _next(self, text: str, position: int) -> tuple[str, int]:
        """Behind a value in a container."""
        char = text[position]
        if char == self._open[-1]:
            return self._close(char, position)
        if char == ",":
            self._state = self._key if self._open[-1] == "}" else self._value
        elif char not in _SPACE:
            raise BadJson
        return char, position + 1

    def _string(self, text: str, position: int) -> tuple[str, int]:
        plain = _PLAIN.match(text, position)
        if plain:
            return plain[0], plain.end()
        char = text[position]
        if char == "\\":
            self._state = self._escape
        elif char != '"':
            return _ESCAPED.get(char, f"\\u{ord(char):04x}"), position + 1
        elif self._is_key:
            self._state = self._colon
        else:
            self._end_value()
        return char, position + 1

    def _escape(self, text: str, position: int) -> tuple[str, int]:
        char = text[position]
        if char == "u":
            self._token, self._state = "", self._hex
        elif char in '"\\/bfnrt':
            self._state = self._string
        else:
            raise BadJson
        return char, position + 1

    def _hex(self, text: str, position: int) -> tuple[str, int]:
        char = text[position]
        if char not in "0123456789abcdefABCDEF":
            raise BadJson
        self._token += char
        if len(self._token) == 4:
            self._state = self._string
        return char, position + 1

    def _number(self, text: str, position: int) -> tuple[str, int]:
        char = text[position]
        if _NUMBER_START.fullmatch(self._token + char):
            self._token += char
            return char, position + 1
        if not _NUMBER.fullmatch(self._token):
            raise BadJson
        self._end_value()
        return "", position

    def _literal(self, text: str, position: int) -> tuple[str, int]:
        char = text[position]
        token = self._token + char
        if not any(literal.startswith(token) for literal in _LITERALS):
            raise BadJson
        self._token = token
        if token in _LITERALS:
            self._end_value()
        return char, position + 1

    def _close(self, char: str, position: int) -> tuple[str, int]:
        self._open.pop()
        self._is_first = False
        self._end_value()
        return char, position + 1

    def _end_value(self) -> None:
        self.is_complete = not self._open
        self._state = self._next
