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
from server.chat.schema.pace import take_step

Schema = Mapping[str, Any]

MAX_NAMES = 400
"""Names for which an object is closed, see `kept.MAX_PROPERTIES`."""

MAX_STEPS = 20_000
"""Schemas and names that are read for closing one schema: where many refer to many, each is read for each of them."""

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
    `anyOf`. A schema that takes more than `MAX_STEPS` stays open.
    """
    reading = _Reading(root, is_one_of_exact=is_one_of_exact)
    rebuilt = _rebuilt(root, reading.names if reading.is_complete() else {})
    assert isinstance(rebuilt, dict)
    return rebuilt


class _TooMuch(Exception):
    """There is more to read than `MAX_STEPS`."""


class _Reading:
    """Finds which schemas are all that is said of a value, and which speak of it together."""

    def __init__(self, root: Schema, *, is_one_of_exact: bool) -> None:
        self._root = root
        self._is_one_of_exact = is_one_of_exact
        self._alone: dict[int, tuple[str, ...]] = {}
        """By a schema's `id`, the names for which it could be closed if nothing else speaks of the value."""
        self._shared: set[int] = set()
        self._deeply_shared: set[int] = set()
        self._todo: list[Any] = [root]
        """Schemas that are all that is said of some value, and are still to be read."""
        self._num_steps_left = MAX_STEPS

    @property
    def names(self) -> dict[int, tuple[str, ...]]:
        """By the `id` of a schema that is to be closed, for which names."""
        return {key: names for key, names in self._alone.items() if names and key not in self._shared}

    def is_complete(self) -> bool:
        """Whether there was not too much to read."""
        try:
            while self._todo:
                self._read(self._todo.pop())
        except _TooMuch:
            return False
        return True

    def _spend(self, num_steps: int) -> None:
        take_step()
        self._num_steps_left -= num_steps
        if self._num_steps_left < 0:
            raise _TooMuch

    def _read(self, schema: Any) -> None:
        """Read a schema that is all that is said of some value."""
        if not isinstance(schema, Mapping) or id(schema) in self._alone:
            return
        self._alone[id(schema)] = ()
        if (stand_ins := self._stand_ins(schema)) is not None:
            self._todo += stand_ins
            return
        parts = list(self._parts(schema))
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

    def _parts(self, schema: Any) -> Iterator[Schema]:
        """All schemas that speak of the same value as this one, itself the first."""
        seen: set[int] = set()
        todo = [schema]
        while todo:
            part = todo.pop()
            if not isinstance(part, Mapping) or id(part) in seen:
                continue
            seen.add(id(part))
            self._spend(1 + len(_map(part, "properties")) + len(_list(part, "required")))
            yield part
            todo += reversed(self._beside(part))

    def _beside(self, schema: Schema) -> list[Any]:
        """The schemas in this one, or referred to by it, that speak of the same value."""
        children = [child for keyword in UNIONS for child in _list(schema, keyword)]
        return [*children, self._referred(schema)] if "$ref" in schema else children

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
            (self._todo.append if is_simple else self._share)(child)
        for schemas in by_name.values():
            for schema in schemas:
                (self._share if has_patterns or len(schemas) > 1 else self._todo.append)(schema)

    def _share(self, schema: Any) -> None:
        """Leave a schema as it is, and whatever is within its values."""
        todo = [schema]
        while todo:
            part = todo.pop()
            take_step()
            if isinstance(part, Mapping) and id(part) not in self._deeply_shared:
                self._deeply_shared.add(id(part))
                self._shared.add(id(part))
                todo += (*self._beside(part), *_map(part, "properties").values(), *_other_members(part))

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
        if len(set(map(id, objects))) < len(objects):
            return False
        constants = [self._constants(part) for part in objects]
        names = set(constants[0]).intersection(*constants[1:])
        return any(_are_disjoint([of_names[name] for of_names in constants]) for name in names)

    def _constants(self, schema: Schema) -> dict[str, list[str]]:
        """By name, the values that a required member may have, where they are listed."""
        properties = _map(schema, "properties")
        found = {name: _listed(properties.get(name)) for name in _required(schema)}
        self._spend(len(found) + sum(map(len, found.values())))
        return {name: values for name, values in found.items() if values}


def _listed(member: Any) -> list[str]:
    """The texts among the values that a member may have, where they are listed."""
    if not isinstance(member, Mapping):
        return []
    listed = [member["const"]] if "const" in member else member.get("enum")
    return [value for value in listed if isinstance(value, str)] if isinstance(listed, list) else []


def _are_disjoint(lists: list[list[str]]) -> bool:
    together = [value for values in lists for value in values]
    return len(set(together)) == sum(len(set(values)) for values in lists)


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
    take_step()
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
