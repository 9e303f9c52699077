"""The characters that a vocabulary can spell. Not every vocabulary has a token for every byte.

It does not know how text is cut into tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from server.protocol.values import Grammar


class Alphabet:
    """The bytes of a vocabulary without its control tokens."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._bytes = frozenset(byte for piece in pieces for byte in piece)

    def complaint(self, grammar: Grammar) -> str:
        """The first character in a grammar that can never be written, and where it is; empty if there is none."""
        if grammar.syntax == "json_schema":
            texts: Iterable[tuple[str, str]] = _texts(json.loads(grammar.source), "$")
        else:
            texts = [("", grammar.source)]
        for place, text in texts:
            for character in text:
                if character >= "\x80" and not self._bytes.issuperset(character.encode(errors="replace")):
                    at = f", which {place} has in it" if place else ""
                    return f"no token of the model spells the character U+{ord(character):04X}{at}"
        return ""


WRITTEN = frozenset(["const", "enum", "required", "pattern"])
"""Keywords of JSON Schema whose values a completion may have to write."""

MAPS = frozenset(["properties", "patternProperties", "$defs", "definitions"])
"""Keywords of JSON Schema whose values are schemas by name."""


def _texts(schema: Any, place: str) -> Iterator[tuple[str, str]]:
    """The texts that a schema wants written, each behind its place."""
    if isinstance(schema, list):
        for index, child in enumerate(schema):
            yield from _texts(child, f"{place}[{index}]")
    elif isinstance(schema, Mapping):
        for keyword, value in schema.items():
            yield from _texts_of(keyword, value, f"{place}.{keyword}")


def _texts_of(keyword: str, value: Any, place: str) -> Iterator[tuple[str, str]]:
    if keyword in WRITTEN:
        yield from ((place, text) for text in _strings(value))
    elif keyword in MAPS and isinstance(value, Mapping):
        yield from ((place, name) for name in value if keyword == "properties")
        for name, child in value.items():
            yield from _texts(child, f"{place}.{name}")
    else:
        yield from _texts(value, place)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield name
            yield from _strings(part)
