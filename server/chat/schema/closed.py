"""Objects that list their properties have no others, unless their schema says so: small models add keys of their own.

JSON Schema leaves such objects open. Where several schemas speak of one object (`allOf`, or `anyOf` beside properties,
or a reference beside either), none of them may be closed for itself: one would forbid what another one lists. The
object is closed once then, in the schema that holds them all, for the names that any of them has. What is not
understood stays open, so that no answer becomes impossible. It does not know which words can be kept to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from server.chat.schema.endless import target
from server.chat.schema.keywords import LISTS, MAPS, SINGLES, UNIONS

Schema = Mapping[str, Any]

MAX_NAMES = 400
"""Names for which an object is closed, see `kept.MAX_PROPERTIES`."""

OPEN = frozenset(
    [
        *("additionalProperties", "patternProperties", "unevaluatedProperties", "const", "enum", "if", "then", "else"),
        *("dependencies", "dependentSchemas", "dependentRequired", "extends", "$dynamicRef", "$recursiveRef"),
    ]
)
"""Keywords that say themselves which names there are, or that speak of names in ways of their own."""

OF_OBJECTS = frozenset(["properties", "required", "minProperties", "maxProperties", *OPEN])


def closed(root: Schema, *, is_one_of_exact: bool) -> dict[str, Any]:
    """The schema with its objects closed. No part of it may stand in two places at once.

    `is_one_of_exact`: alternatives of a `oneOf` must still exclude each other as they were; otherwise they are an
    `anyOf`.
    """
    reading = _Reading(root, is_one_of_exact=is_one_of_exact)
    reading.stands_alone(root)
    rebuilt = _rebuilt(root, reading.names)
    assert isinstance(rebuilt, dict)
    return rebuilt


class _Reading:
    """Finds which schemas are all that is said of a value, and which speak of it together."""

    def __init__(self, root: Schema, *, is_one_of_exact: bool) -> None:
        self._root = root
        self._is_one_of_exact = is_one_of_exact
        self._alone: dict[int, tuple[str, ...]] = {}
        """By a schema's `id`, the names for which it could be closed if nothing else speaks of the value."""
        self._shared: set[int] = set()
        self._deeply_shared: set[int] = set()

    @property
    def names(self) -> dict[int, tuple[str, ...]]:
        """By the `id` of a schema that is to be closed, for which names."""
        return {key: names for key, names in self._alone.items() if names and key not in self._shared}

    def stands_alone(self, schema: Any) -> None:
        """Take a schema that is all that is said of some value."""
        if not isinstance(schema, Mapping) or id(schema) in self._alone:
            return
        self._alone[id(schema)] = ()
        if (stand_ins := self._stand_ins(schema)) is not None:
            for stand_in in stand_ins:
                self.stands_alone(stand_in)
            return
        parts = list(self._parts(schema, {}))
        self._shared.update(id(part) for part in parts if part is not schema)
        self._alone[id(schema)] = _closable_names(schema, parts)
        self._take_members(parts)
        if self._is_one_of_exact:  # what is closed excludes more, so that a value might meet two of these openly
            for child in (child for part in parts for child in _list(part, "oneOf")):
                self._share(child)

    def _stand_ins(self, schema: Schema) -> list[Any] | None:
        """Schemas of which one holds in place of this one, which says nothing itself; None if it does."""
        places = [keyword for keyword in ("$ref", *UNIONS) if keyword in schema]
        if len(places) != 1 or not OF_OBJECTS.isdisjoint(schema):
            return None
        (keyword,) = places
        if keyword == "$ref":
            return [self._referred(schema)]
        children = schema[keyword]
        if not isinstance(children, list) or (keyword == "allOf" and len(children) != 1):
            return None
        if keyword == "oneOf" and self._is_one_of_exact and not self._exclude_each_other(children):
            return None
        return children

    def _referred(self, schema: Schema) -> Any:
        reference = schema.get("$ref")
        return target(self._root, reference, None) if isinstance(reference, str) and reference[:1] == "#" else None

    def _parts(self, schema: Any, seen: dict[int, Schema]) -> Iterator[Schema]:
        """All schemas that speak of the same value as this one, itself the first."""
        if not isinstance(schema, Mapping) or id(schema) in seen:
            return
        seen[id(schema)] = schema
        yield schema
        for keyword in UNIONS:
            for child in _list(schema, keyword):
                yield from self._parts(child, seen)
        if "$ref" in schema:
            yield from self._parts(self._referred(schema), seen)

    def _take_members(self, parts: list[Schema]) -> None:
        """What is within the value: a member of which one schema speaks is a value of its own."""
        by_name: defaultdict[str, list[Any]] = defaultdict(list)
        for part in parts:
            for name, schema in _map(part, "properties").items():
                by_name[name].append(schema)
        others = [child for part in parts for child in _other_members(part)]
        has_patterns = any(_map(part, "patternProperties") for part in parts)
        is_simple = len(parts) == 1 and not has_patterns
        for child in others:
            (self.stands_alone if is_simple else self._share)(child)
        for schemas in by_name.values():
            for schema in schemas:
                (self._share if has_patterns or len(schemas) > 1 else self.stands_alone)(schema)

    def _share(self, schema: Any) -> None:
        """Leave a schema as it is, and whatever is within its values."""
        for part in list(self._parts(schema, {})):
            if id(part) not in self._deeply_shared:
                self._deeply_shared.add(id(part))
                self._shared.add(id(part))
                for child in (*_map(part, "properties").values(), *_other_members(part)):
                    self._share(child)

    def _exclude_each_other(self, children: list[Any]) -> bool:
        """Whether of some required member every alternative has constants that no other one has."""
        parts = [
            self._referred(child) if isinstance(child, Mapping) and "$ref" in child else child for child in children
        ]
        objects = [part for part in parts if isinstance(part, Mapping) and part.get("type", "object") == "object"]
        if len(objects) < len(parts) and not all(isinstance(part, Mapping) and "type" in part for part in parts):
            return False
        if len(objects) < 2:
            return True
        return any(_are_disjoint([_constants(part, name) for part in objects]) for name in _required(objects[0]))


def _constants(schema: Schema, name: str) -> list[Any]:
    """The values that a required member may have, where they are listed."""
    member = _map(schema, "properties").get(name)
    if name not in _required(schema) or not isinstance(member, Mapping):
        return []
    listed = [member["const"]] if "const" in member else member.get("enum")
    return [value for value in listed if isinstance(value, str)] if isinstance(listed, list) else []


def _are_disjoint(lists: list[list[Any]]) -> bool:
    together = [value for values in lists for value in values]
    return all(lists) and len(set(together)) == sum(len(set(values)) for values in lists)


def _closable_names(schema: Schema, parts: list[Schema]) -> tuple[str, ...]:
    """The names that an object has of which these schemas speak, itself the first; none if it must stay open."""
    if any(not OPEN.isdisjoint(part) for part in parts) or not any(_map(part, "properties") for part in parts):
        return ()
    if any("$ref" in part and not isinstance(part["$ref"], str) for part in parts):
        return ()
    names = dict.fromkeys(_map(schema, "properties"))
    for part in parts:
        names |= dict.fromkeys((*_map(part, "properties"), *_required(part)))
    least = max((part.get("minProperties", 0) for part in parts if _is_number(part.get("minProperties"))), default=0)
    return tuple(names) if least <= len(names) <= MAX_NAMES else ()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _other_members(schema: Schema) -> Iterator[Any]:
    """Schemas of members and items that are not listed by name."""
    yield from _map(schema, "patternProperties").values()
    for keyword in ("items", "prefixItems", "additionalItems", "additionalProperties"):
        value = schema.get(keyword)
        yield from value if isinstance(value, list) else (value,)


def _map(schema: Schema, keyword: str) -> Mapping[str, Any]:
    value = schema.get(keyword)
    return value if isinstance(value, Mapping) else {}


def _list(schema: Schema, keyword: str) -> list[Any]:
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def _required(schema: Schema) -> list[str]:
    return [name for name in _list(schema, "required") if isinstance(name, str)]


def _rebuilt(schema: Any, names: Mapping[int, tuple[str, ...]]) -> Any:
    """The schema with those closed in it that have names."""
    if not isinstance(schema, Mapping):
        return schema
    rebuilt: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in MAPS and isinstance(value, Mapping):
            rebuilt[keyword] = {name: _rebuilt(child, names) for name, child in value.items()}
        elif keyword in (*LISTS, "items") and isinstance(value, list):
            rebuilt[keyword] = [_rebuilt(child, names) for child in value]
        else:
            rebuilt[keyword] = _rebuilt(value, names) if keyword in SINGLES else value
    if listed := names.get(id(schema)):
        properties = rebuilt.get("properties", {})
        rebuilt["properties"] = {name: properties.get(name, {}) for name in listed}
        rebuilt["additionalProperties"] = False
    return rebuilt
