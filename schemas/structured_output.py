"""What a client may demand of the text: OpenAI's `response_format`, and llama-server's and vLLM's names for it.

    response_format, in responses text.format                      OpenAI's
    grammar, json_schema                                           llama-server's
    guided_json, guided_regex, guided_choice, guided_grammar       vLLM's
    structured_outputs {json, regex, choice, grammar, json_object} vLLM's newer ones

A request may make one of these demands. Whether it can be met is for others to say: a schema is any object here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from marshmallow import ValidationError

from schemas.fields.base import Array, RequestSchema, StrictField, Text, as_object, at, invalid, problem, shown
from schemas.fields.json_schema import NULL, Definitions, JSONSchema, an_object, any_of

MAX_CHOSEN_TEXTS = 10_000
"""Texts among which the model chooses."""
MAX_SOURCE_LENGTH = 1 << 18
"""Characters of a grammar or a pattern."""

FORMAT_TYPES = ("text", "json_object", "json_schema")

Kind = Literal["json_schema", "regex", "choice", "grammar"]


@dataclass(frozen=True)
class OutputFormat:
    """What the text has to be."""

    kind: Kind
    """A "grammar" is GBNF or Lark."""
    value: Any
    """A JSON Schema as an object or a string of JSON, a pattern, a list of texts or a grammar's source, by kind."""
    param: str
    """Where in the request it was given, for errors about it."""


JSON_OBJECT: dict[str, Any] = {"type": "object"}
"""JSON Schema that json_object stands for."""

_source = Text(MAX_SOURCE_LENGTH)
_name = Text(may_be_empty=False)


class WrittenSchema(StrictField[Any]):
    """A schema as an object, or written into a string as for vLLM; the string is not read here."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any] | str:
        return _source.load(value) if isinstance(value, str) else as_object(value)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of(_source.json_schema(definitions), {"type": "object"})


_object = WrittenSchema()
_texts = Array(Text(MAX_SOURCE_LENGTH), min_items=1, max_items=MAX_CHOSEN_TEXTS)


class ResponseFormat(StrictField[OutputFormat | None]):
    """OpenAI's object with a type; None is text. `strict` may be anything: what is accepted is always kept to.

    `is_flat`: name, schema and strict stand beside the type, as in the Responses API's `text.format`. Elsewhere, a
    `schema` beside the type is llama-server's, which wants no name.
    """

    def __init__(self, param: str, *, is_flat: bool = False) -> None:
        super().__init__()
        self.param = param
        self.is_flat = is_flat

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> OutputFormat | None:
        given = as_object(value)
        kind = given.get("type")
        if kind not in FORMAT_TYPES:
            with at("type"):
                raise invalid(f"must be one of {', '.join(FORMAT_TYPES)}, got {shown(kind)}")
        if kind == "text":
            return None
        if kind == "json_object":
            return self._schema_of(given, self.param) if given.get("schema") is not None else self._any_object
        if self.is_flat:
            _check_name(given)
        elif "json_schema" in given or "schema" not in given:
            return self._nested(given.get("json_schema"))
        return self._schema_of(given, self.param)

    @property
    def _any_object(self) -> OutputFormat:
        return OutputFormat("json_schema", JSON_OBJECT, f"{self.param}.schema")

    def _nested(self, value: Any) -> OutputFormat:
        with at("json_schema"):
            holder = as_object(_required(value))
            _check_name(holder)
            return self._schema_of(holder, f"{self.param}.json_schema")

    def _schema_of(self, holder: dict[str, Any], param: str) -> OutputFormat:
        with at("schema"):
            return OutputFormat("json_schema", as_object(_required(holder.get("schema"))), f"{param}.schema")

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        has_schema: JSONSchema = {"schema": {"type": "object"}}
        named = {"name": _name.json_schema(definitions), **has_schema}
        kind: JSONSchema = {"type": {"const": "json_schema"}}
        text = an_object({"type": {"const": "text"}})
        any_object = an_object({"type": {"const": "json_object"}}, {"schema": {"type": ["object", "null"]}})
        if self.is_flat:
            return any_of(text, any_object, an_object({**kind, **named}))
        beside_type = an_object({**kind, **has_schema})
        beside_type["properties"]["json_schema"] = False
        return any_of(text, any_object, beside_type, an_object({**kind, "json_schema": an_object(named)}))


def _check_name(holder: Mapping[str, Any]) -> None:
    """OpenAI wants a name, and without one there may be something else where the schema was meant to be."""
    with at("name"):
        _name.load(_required(holder.get("name")))


def _required(value: Any) -> Any:
    if value is None:
        raise problem("is required, but was not given", "missing_required_parameter")
    return value


STRUCTURED_OUTPUTS: dict[str, tuple[Kind, StrictField[Any]]] = {
    "json": ("json_schema", _object),
    "regex": ("regex", _source),
    "choice": ("choice", _texts),
    "grammar": ("grammar", _source),
}


class StructuredOutputs(StrictField[OutputFormat | None]):
    """vLLM's object with exactly one demand in it; options that only say how vLLM goes about it are passed over."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> OutputFormat | None:
        given = {name: demand for name, demand in as_object(value).items() if demand is not None}
        if "structural_tag" in given:
            with at("structural_tag"):
                raise problem("is not supported", "unsupported_parameter")
        demands = [name for name in (*STRUCTURED_OUTPUTS, "json_object") if given.get(name) not in (None, False)]
        if len(demands) > 1:
            raise invalid(f"must make one demand, got {' and '.join(demands)}")
        if not demands:
            return None
        (name,) = demands
        param = f"structured_outputs.{name}"
        if name == "json_object":
            return OutputFormat("json_schema", JSON_OBJECT, param)
        kind, field = STRUCTURED_OUTPUTS[name]
        with at(name):
            return OutputFormat(kind, field.load(given[name]), param)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        nothing: JSONSchema = {"enum": [None, False, 0]}
        fields = {name: field.json_schema(definitions) for name, (_, field) in STRUCTURED_OUTPUTS.items()}
        demands = {name: any_of(schema, nothing) for name, schema in fields.items()}
        return an_object({}, {**demands, "json_object": {}, "structural_tag": NULL})


GUIDED: dict[str, Kind] = {
    "grammar": "grammar",
    "json_schema": "json_schema",
    "guided_json": "json_schema",
    "guided_regex": "regex",
    "guided_choice": "choice",
    "guided_grammar": "grammar",
}
"""Extras that are one demand each, and its kind."""


class Guided(StrictField[OutputFormat | None]):
    """One of `GUIDED`; an empty string is none, which is what some clients always send."""

    def __init__(self, param: str) -> None:
        super().__init__()
        self.param = param

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> OutputFormat | None:
        if value == "":
            return None
        return OutputFormat(GUIDED[self.param], self._demand.load(value), self.param)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        demand = self._demand.json_schema(definitions)
        return any_of(demand, {"const": ""}) if demand.get("type") == "array" else demand

    @property
    def _demand(self) -> StrictField[Any]:
        fields: dict[Kind, StrictField[Any]] = {"json_schema": _object, "choice": _texts}
        return fields.get(GUIDED[self.param], _source)


class StructureSchema(RequestSchema):
    """The extras, which every request that generates has."""

    grammar = Guided("grammar")
    json_schema = Guided("json_schema")
    guided_json = Guided("guided_json")
    guided_regex = Guided("guided_regex")
    guided_choice = Guided("guided_choice")
    guided_grammar = Guided("guided_grammar")
    structured_outputs = StructuredOutputs()


NAMES = ("response_format", "text.format", *GUIDED, "structured_outputs")


def refuse_several(loaded: Mapping[str, Any]) -> ValidationError | None:
    """The error of a request that makes more than one demand, naming two."""
    given = [name for name in NAMES if loaded.get(name) is not None]
    return invalid(f"is not allowed together with '{given[0]}'", given[1]) if len(given) > 1 else None


def output_format(loaded: Mapping[str, Any]) -> OutputFormat | None:
    """The demand among the loaded fields of a request."""
    return next((loaded[name] for name in NAMES if loaded.get(name) is not None), None)
