"""References in a JSON Schema that no text could ever follow to the end: each value would need another one within it.

Knows the schemas that `json_schema` lets through. Whether they can be satisfied at all is not its question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from server.chat.schema.keywords import LISTS, MEMBERS, SINGLES
from server.chat.schema.pace import take_step

Path = tuple[str | int, ...]

CONTAINERS = frozenset(["object", "array"])

MAX_INDEX_DIGITS = 9
"""Digits of an index in a pointer; Python reads no number of some thousands of them."""


def endless_reference(root: Mapping[str, Any]) -> Path | None:
    """Where the first one is, of those that a value may come to."""
    references = list(_reachable(root))
    ending = _Ending(root, (pointer for _, pointer in references)).pointers
    return next((path for path, pointer in references if pointer not in ending), None)


def missing_target(root: Mapping[str, Any]) -> Path | None:
    """Where the first reference is that a value may come to and that leads to nothing."""
    return next((path for path, pointer in _reachable(root) if target(root, pointer, None) is None), None)


class _Ending:
    """Which pointers lead to schemas of which some value ends: the least fixpoint, in time linear in the schema.

    A schema is a condition that waits for others. Each is looked at once, and again for each that it waits for.
    """

    def __init__(self, root: Mapping[str, Any], pointers: Iterable[str]) -> None:
        self._num_missing: list[int] = []
        """By condition, how many more must hold before it does."""
        self._waiting: list[list[int]] = []
        """By condition, those that wait for it."""
        self._of_schema: dict[int, int] = {}
        self._holds = self._condition([])
        self._of_pointer = {pointer: self._condition([], 1) for pointer in dict.fromkeys(pointers)}
        for pointer, condition in self._of_pointer.items():
            self._waiting[self._ends(target(root, pointer))].append(condition)
        self._settle()

    @property
    def pointers(self) -> set[str]:
        return {pointer for pointer, condition in self._of_pointer.items() if self._num_missing[condition] <= 0}

    def _settle(self) -> None:
        todo = [condition for condition, num_missing in enumerate(self._num_missing) if num_missing == 0]
        while todo:
            for condition in self._waiting[todo.pop()]:
                self._num_missing[condition] -= 1
                if self._num_missing[condition] == 0:
                    todo.append(condition)

    def _condition(self, parts: Sequence[int], num_needed: int | None = None) -> int:
        """A new condition, which holds as soon as all of its parts do, or that many of them."""
        condition = len(self._num_missing)
        self._num_missing.append(len(parts) if num_needed is None else num_needed)
        self._waiting.append([])
        for part in parts:
            self._waiting[part].append(condition)
        return condition

    def _ends(self, schema: Any) -> int:
        """The condition under which some value of the schema ends."""
        if not isinstance(schema, Mapping) or "const" in schema or "enum" in schema:
            return self._holds
        take_step()
        if id(schema) not in self._of_schema:
            self._of_schema[id(schema)] = self._condition(list(self._demands(schema)))
        return self._of_schema[id(schema)]

    def _demands(self, schema: Mapping[str, Any]) -> Iterator[int]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield self._of_pointer.get(reference, self._holds)
        yield from map(self._ends, _list(schema, "allOf"))
        for keyword in ("anyOf", "oneOf"):
            if children := _list(schema, keyword):
                yield self._condition(list(map(self._ends, children)), 1)
        yield self._condition([self._type_ends(kind, schema) for kind in _types(schema)], 1)

    def _type_ends(self, kind: str, schema: Mapping[str, Any]) -> int:
        return self._condition(list(map(self._ends, _needed(kind, schema)))) if kind in CONTAINERS else self._holds


def _types(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type", "any")
    return list(dict.fromkeys(map(str, kinds))) if isinstance(kinds, list) else [str(kinds)]


def _needed(kind: str, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Schemas of what every value of this type has in it."""
    if kind == "object":
        properties = _map(schema, "properties")
        for name in _list(schema, "required"):
            of_name = properties.get(name) if isinstance(name, str) else None
            yield schema.get("additionalProperties", True) if of_name is None else of_name
        return
    minimum = schema.get("minItems", 0)
    first = _list(schema, "prefixItems")
    if isinstance(minimum, (int, float)):
        yield from first[: int(minimum)]
        if minimum > len(first):
            yield schema.get("items", True)


def _reachable(root: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """References that a value of `root` may come to, each with its place."""
    todo: list[tuple[Path, Any]] = [((), root)]
    seen: set[int] = set()
    while todo:
        path, schema = todo.pop()
        take_step()
        if not isinstance(schema, Mapping) or id(schema) in seen:
            continue
        seen.add(id(schema))
        pointer = schema.get("$ref")
        if isinstance(pointer, str):
            yield (*path, "$ref"), pointer
            todo.append((tuple(_steps(pointer)), target(root, pointer)))
        todo += reversed([(path + steps, child) for steps, child in _children(schema)])


def _children(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for keyword in LISTS:
        yield from (((keyword, index), child) for index, child in enumerate(_list(schema, keyword)))
    for keyword in MEMBERS:
        yield from (((keyword, name), child) for name, child in _map(schema, keyword).items())
    yield from (((keyword,), schema.get(keyword)) for keyword in SINGLES)


def _list(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    """Empty if it is something else: a pointer may lead to what was never meant as a schema."""
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def _map(schema: Mapping[str, Any], keyword: str) -> Mapping[str, Any]:
    value = schema.get(keyword)
    return value if isinstance(value, Mapping) else {}


def target(root: Any, pointer: str, nothing: Any = True) -> Any:
    """What a pointer leads to; by default True, which is any value, if that is nothing."""
    found = root
    for step in _steps(pointer):
        if isinstance(found, Mapping):
            found = found.get(step, nothing)
        elif isinstance(found, list) and len(step) <= MAX_INDEX_DIGITS and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return nothing
    return found


def _steps(pointer: str) -> list[str]:
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in pointer.removeprefix("#").split("/")[1:]]
