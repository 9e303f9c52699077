"""The grammar of Kimi K3's calls: an argument's tag says its key and the type of its value.

Arguments come in the order of the schema, each once. A schema that asks for more than tags can promise (a string's
length or pattern, members that have no name yet) makes that function's arguments one JSON object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from server.chat.calls.family import Mark
from server.chat.calls.lark import literal, spelled, text_rule
from server.chat.calls.schema import call_schema, json_rule
from server.chat.calls.schema_types import (
    can_stand_bare,
    is_plain_object,
    listed_values,
    types_of,
    variants,
    with_definitions,
)
from server.chat.tools import Tool

OPEN, CLOSE, SEP = "<|open|>", "<|close|>", "<|sep|>"

_MARKERS = (OPEN, CLOSE, SEP)
_MAX_KEY_LENGTH = 128

Schema = Mapping[str, Any]


def opened(name: str, **attributes: str) -> str:
    """The tag that opens a section."""
    written = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
    return f"{OPEN}{name}{written}{SEP}"


def closed(name: str) -> str:
    """The tag that closes it."""
    return f"{CLOSE}{name}{SEP}"


def call_rules(tools: Sequence[Tool], mark: Mark) -> str:
    """Rules, one of them `tool_call`: a call of one of the tools."""
    rules = [
        f"tool_call: {' | '.join(f'tool_call_{i}' for i in range(len(tools)))}\n",
        text_rule("tool_text", closed("argument"), _MARKERS, mark),
    ]
    for i, tool in enumerate(tools):
        before, _, after = opened("call", tool=tool.name, index="1").rpartition("1")
        start = f"{spelled(before, _MARKERS, mark)} /[0-9]{{1,2}}/ {spelled(after, _MARKERS, mark)}"
        rules.append(f"tool_call_{i}: {start} tool_arguments_{i} {spelled(closed('call'), _MARKERS, mark)}\n")
        rules += _tag_rules(tool, i, mark) if _fits(tool) else _json_rules(tool, i, mark)
    return "".join(rules)


def _json_rules(tool: Tool, i: int, mark: Mark) -> Iterator[str]:
    start, end = (spelled(tag, _MARKERS, mark) for tag in (opened("json", type="object"), closed("json")))
    yield f"tool_arguments_{i}: {start} tool_json_{i} {end}\n"
    yield f"tool_json_{i}: {json_rule(call_schema(tool))}\n"


def _tag_rules(tool: Tool, i: int, mark: Mark) -> Iterator[str]:
    required = tool.parameters.get("required", [])
    arguments = []
    for j, (key, schema) in enumerate(tool.parameters.get("properties", {}).items()):
        arguments.append(f"tool_argument_{i}_{j}{'' if key in required else '?'}")
        each = variants(schema)
        values = [f"tool_value_{i}_{j}_{k}" for k in range(len(each))]
        yield f"tool_argument_{i}_{j}: {' | '.join(values)}\n"
        for value, variant in zip(values, each, strict=True):
            yield from _value_rules(value, key, variant, tool, mark)
    yield f"tool_arguments_{i}: {' '.join(arguments) or literal('')}\n"


def _value_rules(name: str, key: str, schema: Schema, tool: Tool, mark: Mark) -> Iterator[str]:
    types = types_of(schema, tool.parameters)
    before, _, after = opened("argument", key=key, type="string").rpartition("string")
    words = sorted({"number" if each == "integer" else each for each in types})
    start = f"{spelled(before, _MARKERS, mark)} ({' | '.join(map(literal, words))}) {spelled(after, _MARKERS, mark)}"
    end = spelled(closed("argument"), _MARKERS, mark)
    choices = listed_values(schema)
    if types != {"string"}:
        whole = replace(tool, parameters=with_definitions(schema, tool.parameters))
        yield f"{name}: {start} {name}_json {end}\n"
        yield f"{name}_json: {json_rule(call_schema(whole))}\n"
    elif choices is not None:
        yield f"{name}: {start} ({' | '.join(map(literal, choices))}) {end}\n"
    else:
        yield f"{name}: {start} tool_text\n"


def _fits(tool: Tool) -> bool:
    """Whether tags can promise what the schema asks."""
    root = tool.parameters
    return is_plain_object(root) and all(
        len(_escaped(key)) <= _MAX_KEY_LENGTH
        and SEP not in key
        and all(can_stand_bare(variant, root, _has_no_marker) for variant in variants(schema))
        for key, schema in root.get("properties", {}).items()
    )


def _has_no_marker(choice: str) -> bool:
    return not any(marker in choice for marker in _MARKERS)


def _escaped(value: str) -> str:
    """As the template writes attributes."""
    return value.replace("&", "&amp;").replace('"', "&quot;")
