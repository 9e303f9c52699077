"""Types of a JSON schema's values, and values that a model writes without JSON's quotes.

For formats in which a text and a number look alike. It knows schemas only as far as types go.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from server.chat.calls.json_values import dumps, loads
from server.chat.schema.keywords import TYPES

ANYTHING = frozenset(TYPES)
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}
_OBJECT_WORDS = frozenset(
    [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "title",
        "description",
        "$defs",
        "definitions",
        "$schema",
    ]
)
_UNION_WORDS = frozenset(["anyOf", "title", "description", "default"])
_TEXT_WORDS = frozenset(["type", "title", "description", "default", "examples"])
_MAX_DEPTH = 20
"""References and unions on the way to what is said of a value; a schema may refer to itself."""
MAX_MEMBERS = 400
"""Members of a plain object, see `kept.MAX_PROPERTIES`."""
MAX_COPIED = 1 << 18
"""Characters of definitions, as JSON, in all members together, each of which needs its own."""
MAX_ALTERNATIVES = 200
"""Schemas that are read for the types of one value; beyond, it may be anything."""
MAX_VALUES = 2000
"""Listed values that are looked at for their types."""


def is_plain_object(parameters: Mapping[str, Any]) -> bool:
    """Whether a schema says of an object which members it has, and nothing more; not too many members, either."""
    properties = parameters.get("properties", {})
    if not set(parameters) <= _OBJECT_WORDS or not isinstance(properties, Mapping) or len(properties) > MAX_MEMBERS:
        return False
    if len(properties) * len(dumps(_definitions(parameters))) > MAX_COPIED:
        return False
    members = all(isinstance(schema, Mapping) and name for name, schema in properties.items())
    return members and set(parameters.get("required", [])) <= set(properties)


def is_any_text(schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    """Whether a value may be every string, and nothing else."""
    return types_of(schema, root) == {"string"} and set(schema) <= _TEXT_WORDS


def listed_values(schema: Mapping[str, Any]) -> Any:
    """The values among which a schema lets choose; None if it lists none."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def can_stand_bare(schema: Mapping[str, Any], root: Mapping[str, Any], fits: Callable[[str], bool]) -> bool:
    """Whether what a schema asks of a value holds for it between tags, a string without its quotes.

    `fits` says of a listed string whether it can stand there.
    """
    types = types_of(schema, root)
    if types != {"string"}:
        return "string" not in types and "$ref" not in schema
    choices = listed_values(schema)
    if choices is None:
        return is_any_text(schema, root)
    return all(isinstance(choice, str) and fits(choice) for choice in choices)


def with_definitions(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """A member's schema that stands alone: what it may refer to is in it."""
    return {**_definitions(root), **schema}


def _definitions(root: Mapping[str, Any]) -> dict[str, Any]:
    return {word: root[word] for word in ("$defs", "definitions") if word in root}


def property_schema(parameters: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is known of an argument; nothing if the schema does not list it."""
    properties = parameters.get("properties")
    schema = properties.get(name) if isinstance(properties, Mapping) else None
    return schema if isinstance(schema, Mapping) else {}


def member_schema(schema: Mapping[str, Any], root: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is known of a member of a value; nothing if the schema says nothing of it, or of objects."""
    described = _described(schema, root, "object")
    properties, others = described.get("properties"), described.get("additionalProperties")
    if isinstance(properties, Mapping) and name in properties:
        return property_schema(described, name)
    return others if isinstance(others, Mapping) else {}


def item_schema(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same of an array's items."""
    items = _described(schema, root, "array").get("items")
    return items if isinstance(items, Mapping) else {}


def variants(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Schemas of which a value follows one: those that say no more than that, and of a list of types each."""
    union, types = schema.get("anyOf"), schema.get("type")
    if isinstance(union, list) and set(schema) <= _UNION_WORDS and all(isinstance(part, Mapping) for part in union):
        return [variant for part in union for variant in variants(part)]
    if isinstance(types, list) and set(schema) <= _TEXT_WORDS:
        return [{**schema, "type": each} for each in types]
    return [schema]


def types_of(schema: object, root: Mapping[str, Any]) -> frozenset[str]:
    """The types that a value may have, `ANYTHING` where that is not said."""
    types: set[str] = set()
    todo, seen = [schema], set[int]()
    while todo:
        alternative = todo.pop()
        if id(alternative) in seen:  # a schema may refer to itself
            continue
        seen.add(id(alternative))
        said = _said_types(alternative)
        others = _alternatives(alternative, root) if said is None else []
        if others is None or len(seen) + len(others) > MAX_ALTERNATIVES:
            return ANYTHING
        types |= set(said or ())
        todo += others
    return frozenset(types) or ANYTHING


def _said_types(schema: object) -> frozenset[str] | None:
    """The types that a schema itself speaks of; None if it does not."""
    if not isinstance(schema, Mapping):
        return ANYTHING
    declared = schema.get("type")
    if isinstance(declared, (str, list)):
        return frozenset([declared] if isinstance(declared, str) else map(str, declared[: len(TYPES)]))
    if "const" in schema or isinstance(schema.get("enum"), list):
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return frozenset(_TYPES.get(type(value), "null") for value in values) if len(values) <= MAX_VALUES else ANYTHING
    return None


def _alternatives(schema: object, root: Mapping[str, Any]) -> list[object] | None:
    """The schemas of which one holds in place of this one; None if there are none."""
    if not isinstance(schema, Mapping):
        return None
    if isinstance(schema.get("$ref"), str):
        return [_resolved(schema["$ref"], root)]
    union = schema.get("anyOf", schema.get("oneOf"))
    return union if isinstance(union, list) else None


def json_of(text: str, types: frozenset[str]) -> str:
    """The JSON text of a value written bare: kept to the byte where it is JSON of a wanted type, else a string.

    Python's spelling of true, false and null, and of lists and dictionaries, counts as well.
    """
    stripped = text.strip()
    value = _parsed(stripped, loads)
    if value is not None and _is_wanted(value[0], types):
        return stripped
    if value is None:
        value = _parsed(stripped, ast.literal_eval)
        if value is not None and not isinstance(value[0], str) and _is_wanted(value[0], types):
            dumped = _parsed(value[0], dumps)
            if dumped is not None:
                return str(dumped[0])
    if types == {"boolean"} and stripped.lower() in ("true", "false"):
        return stripped.lower()
    return dumps(text)


def _is_wanted(value: object, types: frozenset[str]) -> bool:
    """A bare text that parses as a string is one with quotes of its own: never the value that is meant, if mixed."""
    name = _TYPES.get(type(value), "null" if value is None else "")
    return (name in types or (name == "integer" and "number" in types)) and (name != "string")


def _parsed(text: Any, parse: Any) -> tuple[Any] | None:
    try:
        return (parse(text),)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _described(schema: Mapping[str, Any], root: Mapping[str, Any], kind: str, depth: int = 0) -> Mapping[str, Any]:
    """The part of a schema that says what a value of this type is."""
    union = schema.get("anyOf", schema.get("oneOf"))
    parts = union if isinstance(union, list) else []
    if isinstance(schema.get("$ref"), str):
        parts = [_resolved(schema["$ref"], root)]
    fitting = (part for part in parts if isinstance(part, Mapping) and kind in types_of(part, root))
    part = next(fitting, None) if depth < _MAX_DEPTH else None
    return schema if part is None else _described(part, root, kind, depth + 1)


def _resolved(reference: str, root: Mapping[str, Any]) -> object:
    """What a reference inside the schema points to; None if that is not there."""
    place: object = root
    if not reference.startswith("#"):
        return None
    for step in reference.removeprefix("#").split("/")[1:]:
        place = place.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(place, Mapping) else None
    return place
