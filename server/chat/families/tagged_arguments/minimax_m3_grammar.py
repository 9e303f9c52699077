"""The grammar of MiniMax M3's calls: elements for members and items, as deep as a schema says what they are.

Members come in the order of the schema, each once. A value that elements cannot promise (a string's length or pattern,
members that have no name yet) is JSON together with what holds it, at most all arguments of that function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from server.chat.calls.family import Mark
from server.chat.calls.lark import literal, several, spelled, text_rule
from server.chat.calls.schema import call_schema, json_rule
from server.chat.calls.schema_types import (
    is_any_text,
    is_plain_object,
    listed_values,
    types_of,
    variants,
    with_definitions,
)
from server.chat.tools import Tool

TAG = "]<]minimax[>["
"""The control token."""
ITEM = "item"
MARKERS = (TAG, "<tool_call>", "</tool_call>")

_ARRAY_WORDS = frozenset(["type", "items", "minItems", "maxItems", "title", "description", "default"])
_MAX_COUNT = 100
"""Of items that are counted; JSON can count more."""
_LOOSE = frozenset(["null", "boolean"])
"""Types that a text may turn out to have where a schema allows them beside it: all their values are right."""

Schema = Mapping[str, Any]


def opened(key: str) -> str:
    return f"{TAG}<{key}>"


def closed(key: str) -> str:
    return f"{TAG}</{key}>"


CALLS_START, CALLS_END = opened("tool_call"), closed("tool_call")
INVOKE_START, NAME_END, INVOKE_END = f'{TAG}<invoke name="', '">', closed("invoke")


def calls_grammar(tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
    """Rules, one of them `tool_calls`."""
    start, end = (spelled(text, MARKERS, mark) for text in (f"{CALLS_START}\n", CALLS_END))
    rules = [
        f"tool_calls: {start} {several('tool_call', '', parallel)} {end}\n",
        f"tool_call: {' | '.join(f'tool_call_{i}' for i in range(len(tools)))}\n",
    ]
    for i, tool in enumerate(tools):
        rules += _CallGrammar(tool, f"{i}", mark).rules()
    return "".join(rules)


class _CallGrammar:
    """Makes expressions of schemas, and the rules that are in these."""

    def __init__(self, tool: Tool, number: str, mark: Mark) -> None:
        self._tool = tool
        self._root = tool.parameters
        self._number = number
        self._mark = mark
        self._rules: list[str] = []

    def rules(self) -> list[str]:
        members = self._members(self._root) if is_plain_object(self._root) else None
        arguments = self._json(self._root) if members is None else members
        start = self._spelled(f"{INVOKE_START}{self._tool.name}{NAME_END}")
        end = self._spelled(f"{INVOKE_END}\n")
        return [f"tool_call_{self._number}: {start} {arguments} {end}\n", *self._rules]

    def _spelled(self, text: str) -> str:
        return spelled(text, MARKERS, self._mark)

    def _new_name(self, kind: str) -> str:
        return f"tool_{kind}_{self._number}_{len(self._rules)}"

    def _members(self, schema: Schema) -> str | None:
        """An expression for elements in a row; None if they cannot promise what the schema asks."""
        elements: list[str] = []
        for key, member in schema.get("properties", {}).items():
            element = self._element(key, member) if _is_name(key) else None
            if element is None:
                return None
            elements.append(f"({element}){'' if key in schema.get('required', []) else '?'}")
        return " ".join(elements)

    def _element(self, key: str, schema: Schema) -> str | None:
        """The same for one, with its tags."""
        start, end = self._spelled(opened(key)), self._spelled(closed(key))
        types = types_of(schema, self._root)
        choices = listed_values(schema)
        if types == {"string"} and isinstance(choices, list):
            fits = all(isinstance(choice, str) and TAG not in choice for choice in choices)
            return f"{start} ({' | '.join(map(literal, choices))}) {end}" if fits else None
        if self._is_text(schema):
            name = self._new_name("text")
            self._rules.append(text_rule(name, closed(key), MARKERS, self._mark))
            return f"{start} {name}"
        if "string" in types or "$ref" in schema:
            return None
        value = self._structure(schema, types)
        return f"{start} {self._json(schema) if value is None else value} {end}"

    def _structure(self, schema: Schema, types: frozenset[str]) -> str | None:
        """What has members or items, as elements."""
        if types == {"object"} and schema.get("properties") and is_plain_object(schema):
            return self._members(schema)
        items = schema.get("items")
        if types != {"array"} or not isinstance(items, Mapping) or not set(schema) <= _ARRAY_WORDS:
            return None
        item = self._element(ITEM, items)
        least, most = schema.get("minItems", 0), schema.get("maxItems", _MAX_COUNT)
        is_countable = isinstance(least, int) and isinstance(most, int) and 0 <= least <= most <= _MAX_COUNT and most
        bounds = f"{least},{most if 'maxItems' in schema else ''}"
        return f"({item}){{{bounds}}}" if item is not None and is_countable else None

    def _json(self, schema: Schema) -> str:
        name = self._new_name("json")
        whole = replace(self._tool, parameters=with_definitions(schema, self._root))
        self._rules.append(f"{name}: {json_rule(call_schema(whole))}\n")
        return name

    def _is_text(self, schema: Schema) -> bool:
        """Whether every text is right, as a string or as what it looks like."""
        each = [(variant, types_of(variant, self._root)) for variant in variants(schema)]
        return any(types == {"string"} for _, types in each) and all(
            is_any_text(variant, self._root) if types == {"string"} else types <= _LOOSE and "enum" not in variant
            for variant, types in each
        )


def _is_name(key: str) -> bool:
    return not key.startswith("/") and not any(sign in key for sign in "<>") and len(key) <= 128
