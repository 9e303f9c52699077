"""A schema less what cannot be enforced: for the arguments of functions that are not strict.

Their schemas were written for models to read, by all kinds of libraries; what no grammar can express is left to the
model, and never a reason to refuse the request. Keywords that llguidance knows and cannot enforce, it passes over
itself when told to be lenient; here goes what it would stumble over. It does not know tools.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from server.chat.schema.keywords import DRAFTS, LISTS, MAPS, MEMBERS, SINGLES, TYPES, UNIONS
from server.chat.schema.pace import TRIAL_STEPS, take_step
from server.chat.schema.patterns import PatternRefused, translated
from server.chat.schema.trial import complaint

Schema = Mapping[str, Any]

COUNTS = frozenset(["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"])
BOUNDS = frozenset(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"])
WITHIN = frozenset([*MAPS, *LISTS, *SINGLES, "$ref"])
"""Keywords with schemas, which are loosened for themselves."""
ELSEWHERE = frozenset(["$defs", "definitions", *UNIONS, "$ref"])
"""Those of them that say nothing of a value's members."""


def loosened(schema: Schema) -> dict[str, Any]:
    """The schema of an object as far as it can be enforced."""
    return {**_loosened(schema, schema), "type": "object"}


def _loosened(schema: Any, root: Schema) -> Any:
    if not isinstance(schema, Mapping):
        return schema if isinstance(schema, bool) else {}
    take_step()
    values = {keyword: _loose_values(keyword, value, root) for keyword, value in schema.items()}
    kept = {keyword: found[0] for keyword, found in values.items() if found}
    if len(kept.get("patternProperties", ())) < len(schema.get("patternProperties") or ()):
        kept.pop("additionalProperties", None)  # names that a pattern would have allowed must stay possible
    return next(attempt for attempt in _attempts(kept) if not _is_refused(attempt))


def _attempts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema, with less and less of what it says itself. What remains last demands nothing together."""
    yield schema
    yield {keyword: value for keyword, value in schema.items() if keyword in WITHIN or keyword == "type"}
    yield {keyword: value for keyword, value in schema.items() if keyword in WITHIN and keyword != "prefixItems"}
    yield {keyword: value for keyword, value in schema.items() if keyword in ELSEWHERE}


def _is_refused(schema: dict[str, Any]) -> bool:
    """Whether llguidance does not take what the schema says itself, such as bounds between which there is nothing."""
    if set(schema) <= WITHIN | {"type"} and isinstance(schema.get("type", ""), str):
        return False
    take_step(TRIAL_STEPS)
    own = {keyword: _hollow(keyword, value) for keyword, value in schema.items() if keyword not in ELSEWHERE}
    return bool(complaint(json.dumps({**own, "x-guidance": {"lenient": True}})))


def _hollow(keyword: str, value: Any) -> Any:
    """The keyword's value with schemas that allow everything in it, or nothing where they do."""
    if keyword in MEMBERS:
        return {name: schema is not False for name, schema in value.items()}
    if keyword in LISTS or (keyword == "items" and isinstance(value, list)):
        return [schema is not False for schema in value]
    return value is not False if keyword in SINGLES else value


def _loose_values(keyword: str, value: Any, root: Schema) -> list[Any]:
    """What stays of a keyword's value; nothing where that cannot be enforced."""
    if keyword in MAPS:
        return [_loose_map(keyword, value, root)] if isinstance(value, Mapping) else []
    if keyword in LISTS:
        return [[_loosened(item, root) for item in value]] if isinstance(value, list) and value else []
    if keyword in SINGLES:
        return [_loosened(value, root)]
    if keyword == "pattern":
        return _patterns(value)
    return [value] if _can_be_enforced(keyword, value, root) else []


def _loose_map(keyword: str, schemas: Mapping[str, Any], root: Schema) -> dict[str, Any]:
    if keyword == "patternProperties":
        return {name: _loosened(schemas[given], root) for given in schemas for name in _patterns(given)}
    return {name: _loosened(schema, root) for name, schema in schemas.items()}


def _can_be_enforced(keyword: str, value: Any, root: Schema) -> bool:
    if keyword == "type":
        return all(isinstance(kind, str) and kind in TYPES for kind in (value if isinstance(value, list) else [value]))
    if keyword == "$schema":
        return isinstance(value, str) and value.startswith(DRAFTS)
    if keyword == "$ref":
        return isinstance(value, str) and _leads_somewhere(value, root)
    if keyword in COUNTS | BOUNDS:
        return type(value) is int and value >= 0 if keyword in COUNTS else type(value) in (int, float)
    if keyword == "enum":
        return isinstance(value, list) and bool(value)
    return keyword != "x-guidance"  # llguidance's own options are ours to set


def _patterns(pattern: Any) -> list[str]:
    """The pattern as llguidance has it; nothing where that has none."""
    try:
        return [translated(pattern)] if isinstance(pattern, str) else []
    except PatternRefused:
        return []


def _leads_somewhere(reference: str, root: Schema) -> bool:
    """Whether a reference is to a place in the schema itself."""
    start, *steps = reference.split("/")
    found: Any = root
    for step in steps:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return start == "#" and isinstance(found, (Mapping, bool))
