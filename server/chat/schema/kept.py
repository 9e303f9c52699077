"""Which JSON Schemas can be kept to, word by word: `supported` refuses what llguidance would refuse or pass over.

What it lets through is compiled by the engine, which has the last word: on references, on size. Keywords that JSON
Schema does not know are annotations there, and stay without effect. It does not know requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from server.chat.schema.endless import endless_reference, missing_target
from server.chat.schema.keywords import DRAFTS, LISTS, MAPS, SINGLES, TYPES, UNIONS
from server.chat.schema.pace import take_step
from server.chat.schema.patterns import PatternRefused, translated

Path = tuple[str | int, ...]
"""Keys and indices from the schema's root."""

MAX_ALTERNATIVES = 2000
"""Of one `anyOf`, `oneOf` or `allOf`."""
MAX_PROPERTIES = 400
"""Of one object: each may come next, and what may come next is worked out for every token."""
MAX_PATTERNS_TOGETHER = 8
"""In one `allOf`: all of them are matched at once, for which their states multiply."""

UNSUPPORTED = frozenset(
    [
        *("not", "if", "then", "else", "uniqueItems", "contains", "minContains", "maxContains", "propertyNames"),
        *("dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties", "unevaluatedItems"),
        *("$dynamicRef", "$recursiveRef", "extends", "disallow", "divisibleBy", "x-guidance"),
    ]
)

NEUTRAL: dict[str, Any] = {
    "uniqueItems": False,
    "unevaluatedProperties": True,
    "unevaluatedItems": True,
    "dependentRequired": {},
    "dependentSchemas": {},
    "dependencies": {},
    "minContains": 0,
}
"""Values of unsupported keywords that demand nothing."""

FORMATS = frozenset(["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"])

LOOSE_FORMATS = frozenset(["password", "binary", "path", "file-path", "directory-path"])
"""Of strings that may be any: hints for forms and programs."""


class UnsupportedSchema(Exception):
    """`reason` says what cannot be honoured, `path` where it is."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{spelled(path)}: {reason}")
        self.path = path
        self.reason = reason

    @property
    def place(self) -> str:
        """What follows the name of the schema itself, as in ".properties.age.not"."""
        return _steps(self.path)


def spelled(path: Path) -> str:
    """As in "$.properties.age.not"."""
    return "$" + _steps(path)


def _steps(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def supported(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, less what demands nothing, with patterns as llguidance has them.

    Raises:
        UnsupportedSchema: naming the keyword and its place.
    """
    kept = _supported(schema, ())
    if not isinstance(kept, dict):
        raise UnsupportedSchema((), "must be an object")
    if path := missing_target(kept):
        raise UnsupportedSchema(path, "there is nothing in the schema to which this leads")
    if path := endless_reference(kept):
        raise UnsupportedSchema(path, "no value ever ends: each would need another one within it")
    return kept


def _supported(schema: Any, path: Path) -> Any:
    take_step()
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping):
        raise UnsupportedSchema(path, "a schema must be an object or a boolean")
    kept = {
        keyword: _value(keyword, value, (*path, keyword))
        for keyword, value in schema.items()
        if not _demands_nothing(keyword, value, schema, path)
    }
    for problem_path, reason in _problems(kept, path):
        raise UnsupportedSchema(problem_path, reason)
    return kept


def _demands_nothing(keyword: str, value: Any, schema: Mapping[str, Any], path: Path) -> bool:
    """Whether a keyword can be left out; raises UnsupportedSchema if it must be refused."""
    if keyword == "format":
        return _is_loose(value, schema, (*path, keyword))
    if keyword not in UNSUPPORTED:
        return False
    if keyword in NEUTRAL and value == NEUTRAL[keyword]:
        return True
    raise UnsupportedSchema((*path, keyword), f"the keyword '{keyword}' cannot be guaranteed")


def _value(keyword: str, value: Any, path: Path) -> Any:
    """What stays of a keyword's value: the schemas in it are checked."""
    if keyword == "patternProperties" and isinstance(value, Mapping):
        return {_pattern(name, (*path, name)): _supported(child, (*path, name)) for name, child in value.items()}
    if keyword in MAPS and isinstance(value, Mapping):
        return {name: _supported(child, (*path, name)) for name, child in value.items()}
    if keyword == "pattern" and isinstance(value, str):
        return _pattern(value, path)
    if keyword in LISTS or (keyword == "items" and isinstance(value, list)):
        return [_supported(child, (*path, index)) for index, child in enumerate(_items(value, path))]
    if keyword in SINGLES or keyword == "additionalItems":
        return _supported(value, path)
    return value


def _pattern(pattern: str, path: Path) -> str:
    try:
        return translated(pattern)
    except PatternRefused as refused:
        raise UnsupportedSchema(path, f"the pattern cannot be guaranteed: {refused}") from None


def _items(value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise UnsupportedSchema(path, "must be an array")
    return value


def _is_loose(value: Any, schema: Mapping[str, Any], path: Path) -> bool:
    """Whether a format demands nothing; of other types than strings, none does."""
    kinds = schema.get("type", "string")
    is_text = "string" in kinds if isinstance(kinds, list) else kinds == "string"
    if not is_text or (isinstance(value, str) and value in LOOSE_FORMATS):
        return True
    if not isinstance(value, str) or value not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise UnsupportedSchema(path, f"the format '{value}' cannot be guaranteed; those that can are {known}")
    return False


def _problems(schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """What is wrong with keywords together, or with how much there is of one."""
    yield from _foreign(schema, path)
    kinds = schema.get("type", [])
    if unknown := [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind not in TYPES]:
        yield (*path, "type"), f"there is no type {unknown[0]!r}; those that there are: {', '.join(TYPES)}"
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict) and len(properties) > MAX_PROPERTIES:
        yield (*path, "properties"), f"has more than {MAX_PROPERTIES} properties"
    for keyword in UNIONS:
        if len(schema.get(keyword, ())) > MAX_ALTERNATIVES:
            yield (*path, keyword), f"has more than {MAX_ALTERNATIVES} schemas"
    with_pattern = [part for part in schema.get("allOf", ()) if isinstance(part, dict) and "pattern" in part]
    if len(with_pattern) > MAX_PATTERNS_TOGETHER:
        yield (*path, "allOf"), f"has more than {MAX_PATTERNS_TOGETHER} patterns that must match together"
    minimum = schema.get("minProperties", 0)
    is_closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
    num_required = len(set(map(str, required))) if isinstance(required, list) else 0
    if isinstance(minimum, (int, float)) and minimum > max(1, num_required) and not is_closed:
        reason = "more than one cannot be guaranteed where names are free: one that is given twice counts once"
        yield (*path, "minProperties"), reason


def _foreign(schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Keywords that name what is not here."""
    reference = schema.get("$ref", "#")
    if not isinstance(reference, str) or not reference.startswith("#"):
        yield (*path, "$ref"), "only references within the schema (#...) can be followed"
    if not str(schema.get("$schema", DRAFTS[0])).startswith(DRAFTS):
        yield (*path, "$schema"), "must be a draft of JSON Schema, such as https://json-schema.org/draft/2020-12/schema"
