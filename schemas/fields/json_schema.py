"""What requests look like, as JSON Schema of the draft 2020-12.

Fields say it of themselves; here it becomes objects, with their definitions, and a document. Some rules cannot be said
in JSON Schema, and only the loaders know them: that an integer is not written as 5.0, that names differ, that one field
needs another. Whatever a loader accepts is valid all the same. It does not know what the fields are for, or OpenAPI.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Protocol, cast

from marshmallow import RAISE, Schema

JSONSchema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

NULL: JSONSchema = {"type": "null"}


class Describable(Protocol):
    """A field that says of itself what it takes."""

    required: bool

    def json_schema(self, definitions: Definitions) -> JSONSchema: ...


class Definitions:
    """Schemas that a document refers to, each once and by its name."""

    def __init__(self) -> None:
        self._classes: dict[str, type[Schema]] = {}
        self.schemas: dict[str, JSONSchema] = {}

    def refer(self, schema: Schema) -> JSONSchema:
        """A reference to what a schema takes."""
        name = name_of(schema)
        if self._classes.setdefault(name, type(schema)) is not type(schema):
            raise ValueError(f"two schemas are called {name}")
        if name not in self.schemas:
            self.schemas[name] = {}  # a schema that comes to itself finds its name taken
            self.schemas[name] = describe(schema, self)
        return {"$ref": f"#/$defs/{name}"}


def document(*schemas: Schema, notes: Mapping[str, str], others: Mapping[str, JSONSchema] = {}) -> JSONSchema:
    """A body that each of `schemas` loads a part of, complete in itself; `notes` say what is meant by its members.

    `others` are members that no schema loads.
    """
    definitions = Definitions()
    parts = [describe(schema, definitions) for schema in schemas]
    properties = {**others} | {name: prop for part in parts for name, prop in part["properties"].items()}
    body = {
        **parts[0],
        "properties": {name: _noted(schema, notes.get(name, "")) for name, schema in properties.items()},
        "required": [name for part in parts for name in part["required"]],
    }
    return {"$schema": DRAFT, **body, "$defs": definitions.schemas}


def _noted(schema: JSONSchema, note: str) -> JSONSchema:
    return {**schema, "description": note} if note else schema


def describe(schema: Schema, definitions: Definitions) -> JSONSchema:
    """The object that a schema takes. Null is "not given", so that only required fields are never null."""
    fields = cast(Mapping[str, Describable], schema.load_fields)
    return {
        "title": name_of(schema),
        **_description(schema),
        "type": "object",
        "properties": {name: _property(field, definitions) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": schema.unknown != RAISE,
    }


def name_of(schema: Schema) -> str:
    """Name of a schema among others."""
    return type(schema).__name__.removesuffix("Schema")


def _description(schema: Schema) -> JSONSchema:
    """The first paragraph of a class's own docstring."""
    text = vars(type(schema)).get("__doc__")
    return {"description": inspect.cleandoc(text).partition("\n\n")[0].replace("\n", " ")} if text else {}


def _property(field: Describable, definitions: Definitions) -> JSONSchema:
    schema = field.json_schema(definitions)
    return schema if field.required else nullable(schema)


def nullable(schema: JSONSchema) -> JSONSchema:
    """The schema, or null."""
    if isinstance(schema.get("type"), str) and "enum" not in schema and "const" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return any_of(*schema.get("anyOf", ()), NULL) if set(schema) == {"anyOf"} else any_of(schema, NULL)


def any_of(*alternatives: JSONSchema) -> JSONSchema:
    """One of several."""
    return {"anyOf": list(alternatives)} if len(alternatives) > 1 else alternatives[0]


def an_object(required: Mapping[str, JSONSchema], optional: Mapping[str, JSONSchema] = {}) -> JSONSchema:
    """An object with these members, and with any others."""
    names = {"required": list(required)} if required else {}
    return {"type": "object", "properties": {**required, **optional}, **names}


def tagged(name: str, tags: Mapping[str, Schema], definitions: Definitions) -> list[JSONSchema]:
    """For each schema an object that it loads and whose member `name` is one of the schema's tags."""
    by_schema: dict[str, list[str]] = {}
    for tag, schema in tags.items():
        by_schema.setdefault(definitions.refer(schema)["$ref"], []).append(tag)
    return [{"$ref": ref, **an_object({name: {"enum": found}})} for ref, found in by_schema.items()]
