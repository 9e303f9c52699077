"""References in a JSON Schema that no text could ever follow to the end: each value would need another one within it.

Knows the schemas that `json_schema` lets through. Whether they can be satisfied at all is not its question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from server.chat.schema.keywords import LISTS, MEMBERS, SINGLES

Path = tuple[str | int, ...]

CONTAINERS = frozenset(["object", "array"])


def endless_reference(root: Mapping[str, Any]) -> Path | None:
    """Where the first one is, of those that a value may come to."""
    references = list(_reachable(root))
    ending = _Ending(root, {pointer for _, pointer in references})
    return next((path for path, pointer in references if pointer not in ending.pointers), None)


def missing_target(root: Mapping[str, Any]) -> Path | None:
    """Where the first reference is that a value may come to and that leads to nothing."""
    return next((path for path, pointer in _reachable(root) if target(root, pointer, None) is None), None)


class _Ending:
    """The least fixpoint: pointers to schemas of which some value ends."""

    def __init__(self, root: Mapping[str, Any], pointers: set[str]) -> None:
        self.pointers: set[str] = set()
        self._waiting: defaultdict[str, set[str]] = defaultdict(set)
        """By pointer, whom to look at again when it turns out to end."""
        self._current = ""
        todo = list(pointers)
        while todo:
            self._current = todo.pop()
            if self._current not in self.pointers and self._ends(target(root, self._current)):
                self.pointers.add(self._current)
                todo += self._waiting.pop(self._current, ())

    def _ends(self, schema: Any) -> bool:
        if not isinstance(schema, Mapping) or "const" in schema or "enum" in schema:
            return True
        reference = schema.get("$ref")
        if isinstance(reference, str) and not self._is_known(reference):
            return False
        alternatives = [children for keyword in ("anyOf", "oneOf") if (children := _list(schema, keyword))]
        return (
            all(map(self._ends, _list(schema, "allOf")))
            and all(any(map(self._ends, children)) for children in alternatives)
            and any(self._type_ends(kind, schema) for kind in _types(schema))
        )

    def _is_known(self, pointer: str) -> bool:
        if pointer not in self.pointers:
            self._waiting[pointer].add(self._current)
        return pointer in self.pointers

    def _type_ends(self, kind: str, schema: Mapping[str, Any]) -> bool:
        return kind not in CONTAINERS or all(map(self._ends, _needed(kind, schema)))


def _types(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type", "any")
    return [str(kind) for kind in kinds] if isinstance(kinds, list) else [str(kinds)]


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
    seen: set[str] = set()
    while todo:
        path, schema = todo.pop()
        if not isinstance(schema, Mapping):
            continue
        pointer = schema.get("$ref")
        if isinstance(pointer, str):
            yield (*path, "$ref"), pointer
            if pointer not in seen:
                seen.add(pointer)
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
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return nothing
    return found


def _steps(pointer: str) -> list[str]:
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in pointer.removeprefix("#").split("/")[1:]]
