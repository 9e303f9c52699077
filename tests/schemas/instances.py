"""Values that a JSON Schema describes, as hypothesis draws them; and now and then one that is something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

RUBBISH: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3) | st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "x", "text", "auto", "function"]),
    st.sampled_from([[], [None], ["x"], [1], {}, {"type": "text"}, {"x": None}, {"id": "conv_1"}]),
)

MAX_OPTIONAL = 3
"""Members of one object that it could do without."""


@dataclass(frozen=True)
class Instances:
    """Draws values by the schemas of a document; of a hundred values within others, `wrong_share` are anything."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    definitions: Mapping[str, Any]
    wrong_share: int = 0

    def of(self, schema: Any) -> Any:
        """A value of one schema."""
        if isinstance(schema, bool):
            return self.draw(RUBBISH)
        if "$ref" in schema:
            definition = self.definitions[schema["$ref"].rpartition("/")[2]]
            return {**self.of(definition), **self._object(schema)}
        if "anyOf" in schema:
            return self.of(self.draw(st.sampled_from(schema["anyOf"])))
        if "enum" in schema or "const" in schema:
            return self.draw(st.sampled_from(schema.get("enum", [schema.get("const")])))
        kinds = schema.get("type", "null")
        return self._of_type(self.draw(st.sampled_from(kinds)) if isinstance(kinds, list) else kinds, schema)

    def _inner(self, schema: Any) -> Any:
        is_wrong = self.wrong_share and self.draw(st.integers(0, 99)) < self.wrong_share
        return self.draw(RUBBISH) if is_wrong else self.of(schema)

    def _of_type(self, kind: str, schema: Mapping[str, Any]) -> Any:
        of_kind = {"object": self._object, "array": self._array, "string": self._string}
        if kind in of_kind:
            return of_kind[kind](schema)
        return self.draw(_plain(kind, schema))

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(of_others := schema.get("additionalProperties"), dict):
            names = _texts({"maxLength": 8, **schema["propertyNames"]})
            return {name: self._inner(of_others) for name in self.draw(st.lists(names, max_size=3, unique=True))}
        properties = {name: one for name, one in schema.get("properties", {}).items() if one is not False}
        needed = schema.get("required", [])
        rest = sorted(set(properties) - set(needed))
        chosen = self.draw(st.lists(st.sampled_from(rest), unique=True, max_size=MAX_OPTIONAL)) if rest else []
        return {name: self._inner(properties[name]) for name in (*needed, *chosen)}

    def _array(self, schema: Mapping[str, Any]) -> list[Any]:
        return [
            self._inner(schema.get("items", True))
            for _ in range(schema.get("minItems", 0) + self.draw(st.integers(0, 2)))
        ]

    def _string(self, schema: Mapping[str, Any]) -> Any:
        unwanted = schema.get("not", {})
        unwanted = unwanted.get("enum", [unwanted.get("const")])
        return self.draw(_texts(schema).filter(lambda text: text not in unwanted))


def _plain(kind: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    match kind:
        case "integer" if "maximum" not in schema:
            return st.integers()
        case "integer":
            return st.sampled_from([least, schema["maximum"]]) | st.integers(least, schema["maximum"])
        case "number":
            return st.floats(least, schema["maximum"], exclude_min="exclusiveMinimum" in schema)
        case "boolean":
            return st.booleans()
    return st.none()


def _texts(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"][1:-1], fullmatch=True)
    return st.text(min_size=schema.get("minLength", 0), max_size=min(12, schema.get("maxLength", 12)))
