"""The grammar of calls whose arguments stand between tags (`tagged`), as close to a schema as tags can be.

Arguments come in the order of the schema, each once. What bare values cannot promise (a string's length or pattern, a
value that may be a string or something else, members that have no name yet) makes that function's calls JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server.chat.calls.family import Mark
from server.chat.calls.lark import literal, several, spelled, text_rule
from server.chat.calls.schema import call_schema, json_rule
from server.chat.calls.schema_types import can_stand_bare, is_plain_object, listed_values, types_of, with_definitions
from server.chat.tools import Tool

CDATA_START, CDATA_END = "<![CDATA[", "]]>"


@dataclass(frozen=True)
class Tags:
    """What a call is written between. White space belongs to the grammar only: reading, it may be there or not."""

    call_start: str
    call_end: str
    function_start: str
    """Empty where the name follows the start of the call."""
    name_ends: tuple[str, ...]
    """The first ends a name; it also does in front of the others, which stay unread."""
    function_end: str
    key_start: str
    key_ends: tuple[str, ...]
    value_end: str
    value_start: str = ""
    """Where it is not the end of the key that starts the value."""
    text_key_ends: tuple[str, ...] = ()
    """Of `key_ends`, those that say that a string follows, whatever the schema says."""
    call_space: str = "\n"
    """Around a function."""
    name_space: str = "\n"
    """Behind the name."""
    value_space: str = ""
    """Around a value."""
    argument_space: str = "\n"
    """Behind an argument."""
    value_start_space: str = ""
    """Behind the end of a key."""
    is_shared: bool = False
    """Whether several functions stand between one pair of markers; else each has markers of its own."""
    separator: str | None = None
    """Between calls; None if it is what is around a function."""
    json_start: str = ""
    """In front of a call in JSON, where functions have no markers around them."""
    json_end: str = ""
    has_cdata: bool = False
    """Whether a text that has a `<` in it stands in `<![CDATA[...]]>`."""


class TaggedGrammar:
    """Writes it for a family whose `markers` may be control tokens."""

    def __init__(self, tags: Tags, markers: Sequence[str], mark: Mark) -> None:
        self._tags = tags
        self._markers = markers
        self._mark = mark

    def rules(self, tools: Sequence[Tool], parallel: bool) -> str:
        """One of them is `tool_calls`."""
        tags = self._tags
        rules = [
            f"tool_calls: {self._calls(parallel)}\n",
            f"tool_call: {' | '.join(f'tool_call_{i}' for i in range(len(tools)))}\n",
            self._text_rules(),
        ]
        for i, tool in enumerate(tools):
            rules += self._tag_rules(tool, i) if _fits(tags, tool) else self._json_rules(tool, i)
        return "".join(rules)

    def _calls(self, parallel: bool) -> str:
        tags = self._tags
        start, end = self._spelled(tags.call_start), self._spelled(tags.call_end)
        if tags.is_shared:
            return f"{start} {self._spelled(tags.call_space)} {several('tool_call', '', parallel)} {end}"
        separator = tags.call_space if tags.separator is None else tags.separator
        return several(f"{start} tool_call {end}", self._spelled(separator), parallel)

    def _text_rules(self) -> str:
        """A rule `tool_text`: a bare text with the tag that ends it."""
        end = self._tags.value_end
        if not self._tags.has_cdata:
            return text_rule("tool_text", end, self._markers, self._mark)
        cdata = text_rule("tool_cdata", f"{CDATA_END}{end}", self._markers, self._mark)
        plain = f"TOOL_PLAIN? {self._spelled(end)}"
        return f"tool_text: {plain} | {literal(CDATA_START)} tool_cdata\nTOOL_PLAIN: /[^<]+/\n{cdata}"

    @property
    def _space_before(self) -> str:
        """In front of a function. Where functions share markers, the one before has written it."""
        return "" if self._tags.is_shared else self._tags.call_space

    def _spelled(self, text: str) -> str:
        return spelled(text, self._markers, self._mark)

    def _json_rules(self, tool: Tool, i: int) -> Iterator[str]:
        tags = self._tags
        opening = f'{self._space_before}{{"name": {json.dumps(tool.name)}, "arguments": '
        start, end = self._spelled(f"{tags.json_start}{opening}"), self._spelled(f"}}{tags.call_space}{tags.json_end}")
        yield f"tool_call_{i}: {start} tool_arguments_{i} {end}\n"
        yield f"tool_arguments_{i}: {json_rule(call_schema(tool))}\n"

    def _tag_rules(self, tool: Tool, i: int) -> Iterator[str]:
        tags = self._tags
        required = tool.parameters.get("required", [])
        arguments = []
        for j, (key, schema) in enumerate(tool.parameters.get("properties", {}).items()):
            arguments.append(f"tool_argument_{i}_{j}{'' if key in required else '?'}")
            yield from self._argument_rules(replace(tool, parameters=schema), tool.parameters, key, f"{i}_{j}")
        start = f"{self._space_before if tags.function_start else ''}{tags.function_start}{tool.name}"
        start += (tags.name_ends[0] if tags.function_start else "") + tags.name_space
        end = f"{tags.function_end}{tags.call_space if tags.function_end else ''}"
        yield f"tool_call_{i}: {self._spelled(start)} {' '.join(arguments)} {self._spelled(end)}\n"

    def _argument_rules(self, tool: Tool, root: Mapping[str, Any], key: str, number: str) -> Iterator[str]:
        tags = self._tags
        is_text = types_of(tool.parameters, root) == {"string"}
        key_end = tags.key_ends[0 if is_text else -1]
        start = self._spelled(
            f"{tags.key_start}{key}{key_end}{tags.value_start_space}{tags.value_start}{tags.value_space}"
        )
        end = self._spelled(f"{tags.value_space}{tags.value_end}{tags.argument_space}")
        choices = listed_values(tool.parameters)
        if choices is not None and is_text:
            yield f"tool_argument_{number}: {start} ({' | '.join(map(literal, choices))}) {end}\n"
        elif is_text:
            # The text ends with the tag, whatever space is in front of it.
            yield f"tool_argument_{number}: {start} tool_text {self._spelled(tags.argument_space)}\n"
        else:
            schema = call_schema(replace(tool, parameters=with_definitions(tool.parameters, root)))
            yield f"tool_argument_{number}: {start} tool_value_{number} {end}\n"
            yield f"tool_value_{number}: {json_rule(schema)}\n"


def _fits(tags: Tags, tool: Tool) -> bool:
    """Whether tags can promise what the schema asks."""
    root = tool.parameters
    return is_plain_object(root) and all(
        _fits_tag(tags, key, schema, root) for key, schema in root.get("properties", {}).items()
    )


def _fits_tag(tags: Tags, key: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if key != key.strip() or any(mark[0] in key for mark in (*tags.key_ends, tags.value_end)):
        return False
    return can_stand_bare(
        schema, root, lambda choice: choice == choice.strip() and not _needs_more_than_tags(tags, choice)
    )


def _needs_more_than_tags(tags: Tags, choice: str) -> bool:
    return ("<" if tags.has_cdata else tags.value_end) in choice
