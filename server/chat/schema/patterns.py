r"""Patterns of JSON Schema, written as llguidance reads them: in the syntax of Rust's regex.

JSON Schema's own syntax is ECMA-262's. Where that takes a pattern for wrong, the pattern means what it means to
Python's `re`, whose patterns are found in schemas as well: `\A`, `a{,3}`, `{{x}}`, `(?#...)`, `[]x]`. It does not know
where in a schema a pattern stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from server.chat.schema.pace import TRIAL_STEPS, take_step
from server.chat.schema.trial import complaint

MAX_LENGTH = 4096
"""Characters of a pattern, whose trial takes a millisecond at most then."""
NUM_KEPT = 4096
"""Most patterns of which the translation is kept; clients send the same ones with every request."""

_ESCAPE = (
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u\{[0-9a-fA-F]+\}|[pP]\{[^}]{0,64}\}"
    r"|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|c[a-zA-Z]|[0-9]+|.)"
)
_PIECE = re.compile(
    r"(?P<comment>\(\?\#[^)]*\))"
    r"|(?P<beyond>\(\?(?:[=!>(]|<[=!]|P=)|(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\}|\{,[0-9]+\})\+)"
    r"|(?P<group>\(\?P?<\w+>)"
    r"|(?P<times>\{[0-9]+(?:,[0-9]*)?\})"
    r"|(?P<at_most>\{,[0-9]+\})"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    rf"|(?P<escape>{_ESCAPE})"
    r"|(?P<unclosed>\[|\(\?\#)"
    r"|(?P<lone>[\]{}])"
    r"|(?P<plain>.)",
    re.DOTALL,
)
_MEMBER = re.compile(rf"{_ESCAPE}|.", re.DOTALL)
_SETS = frozenset([r"\d", r"\D", r"\w", r"\W", r"\s", r"\S"])
_ANCHORS = {r"\A": "^", r"\Z": "$", r"\z": "$"}

_SPECIAL = frozenset("\\.+*?()|[]{}^$#&-~")
"""Characters that Rust wants escaped somewhere."""

_BEYOND_REGULAR = "looking ahead or behind, references back and possessive parts are beyond regular expressions"


class PatternRefused(Exception):
    """The pattern cannot be followed; the message says why, for the client."""


def translated(pattern: str) -> str:
    """The pattern as llguidance takes it, which has been asked.

    Raises:
        PatternRefused: if there is no such pattern.
    """
    if len(pattern) > MAX_LENGTH:
        raise PatternRefused(f"it is longer than {MAX_LENGTH} characters")
    take_step(TRIAL_STEPS)
    spelled, reason = _tried(pattern)
    if reason:
        raise PatternRefused(reason)
    return spelled


@lru_cache(NUM_KEPT)
def _tried(pattern: str) -> tuple[str, str]:
    """The pattern as llguidance might take it, and what there is against it."""
    try:
        spelled = "".join(map(_piece, _PIECE.finditer(pattern)))
    except PatternRefused as refused:
        return "", str(refused)
    return spelled, _plain(complaint(json.dumps({"type": "string", "pattern": spelled}, ensure_ascii=False)))


def _plain(said: str) -> str:
    """The complaint without the pattern, which is not the client's as it is now, and without llguidance's own words."""
    if said.startswith("regex parse error"):
        *_, last = said.rpartition("error: ")
        return last.strip()
    if "lookaround" in said:
        return "word boundaries, and anchors of lines, cannot be followed"
    if said.startswith("Unsatisfiable"):
        return "there is no text that it matches"
    return "it cannot be followed" if said else ""


def _piece(found: re.Match[str]) -> str:
    text = found[0]
    if found.lastgroup == "beyond":
        raise PatternRefused(_BEYOND_REGULAR)
    if found.lastgroup == "unclosed":
        raise PatternRefused("unclosed character class" if text == "[" else "unclosed comment")
    if text == "\\":
        raise PatternRefused("there is nothing behind the last backslash")
    return _SPELLINGS.get(str(found.lastgroup), str)(text)


def _escape(text: str) -> str:
    """One character, or a class of them, behind a backslash."""
    letter = text[1]
    if letter in "123456789k":
        raise PatternRefused(_BEYOND_REGULAR)
    if letter in "0c":
        return _control(text)
    if len(text) == len(r"\ud83d\ude00"):
        return _literal(text.encode().decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16"))
    return text if letter.isascii() and letter.isalnum() else _literal(letter)


def _control(text: str) -> str:
    r"""A character below the space, as `\0` or `\cJ`."""
    if text == r"\0":
        return r"\x00"
    if text[1] == "c" and len(text) == len(r"\cJ"):
        return f"\\x{ord(text[2]) % 32:02x}"
    raise PatternRefused(f"{text} is read differently by different programs")


def _literal(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL else character


def _set(text: str) -> str:
    """A class: Rust has classes within classes, and operators between them, which are characters here."""
    negation = "^" if text[1] == "^" else ""
    members = _MEMBER.findall(text[1 + len(negation) : -1])
    return f"[{negation}{''.join(_ranges(members))}]"


def _ranges(members: list[str]) -> Iterator[str]:
    """Members of a class as Rust has them. A minus that stands between two characters makes a range of them."""
    at = 0
    while at < len(members):
        if members[at + 1 : at + 2] == ["-"] and len(members) > at + 2 and not _is_set(members[at], members[at + 2]):
            yield f"{_member(members[at])}-{_member(members[at + 2])}"
            at += 3
        else:
            yield _member(members[at])
            at += 1


def _is_set(*members: str) -> bool:
    """Whether one of them stands for several characters."""
    return any(member in _SETS or member[:2] in (r"\p", r"\P") for member in members)


def _member(text: str) -> str:
    if text == r"\b":
        return r"\x08"
    return _escape(text) if len(text) > 1 else _literal(text)


_SPELLINGS: dict[str, Callable[[str], str]] = {
    "comment": lambda text: "",
    "group": lambda text: "(?:",
    "at_most": lambda text: "{0" + text[1:],
    "set": _set,
    "escape": lambda text: _ANCHORS.get(text) or _escape(text),
    "lone": _literal,
}
"""How kinds of pieces are written for Rust; others stay as they are."""
