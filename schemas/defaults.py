"""`defaults` of a conversation: parameters for its responses that do not give these themselves.

They are parameters of POST /v1/responses, with its names and bounds, and are kept as the client wrote them. Tools and
the format of the text are not among them: whoever wants these must be able to handle what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE

from schemas.fields.base import Boolean, Choice, Integer, JSONObject, Object, StrictField, Text, as_object, at, problem
from schemas.fields.json_schema import Definitions, JSONSchema
from schemas.generation import MAX_NAME_LENGTH, MAX_TOKENS, StopStrings
from schemas.responses import ContextSchema, ReasoningOptionsSchema
from schemas.sampling import SamplingSchema

ALIASES = {"repeat_penalty": "repetition_penalty", "repetition_penalty": "repeat_penalty"}
"""Two names of one parameter: who gives one has given the other."""

OBJECTS = ("reasoning", "context")
"""Parameters whose members are given or not one by one."""


class DefaultsSchema(SamplingSchema):
    """Parameters of POST /v1/responses that a conversation may have defaults of."""

    class Meta:
        unknown = RAISE

    model = Text(MAX_NAME_LENGTH)
    max_output_tokens = Integer(1, MAX_TOKENS)
    stop = StopStrings()
    ignore_eos = Boolean()
    truncation = Choice(("auto", "disabled"))
    context = Object(ContextSchema())
    reasoning = Object(ReasoningOptionsSchema())
    chat_template_kwargs = JSONObject()


class Defaults(StrictField[dict[str, Any]]):
    """An object with such parameters, as it was written; null is "no default"."""

    _schema = DefaultsSchema()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        for name in as_object(value):
            if name not in self._schema.load_fields:
                with at(name):
                    raise problem("is no parameter that can have a default", "unknown_parameter")
        self._schema.load(value)
        return {name: one for name, one in value.items() if one is not None}

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return definitions.refer(self._schema)


def with_defaults(body: Mapping[str, Any], instructions: str | None, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request for a response, with a conversation's settings where it gives nothing itself."""
    given = {name: value for name, value in body.items() if value is not None}
    usual = {"instructions": instructions, **defaults}
    merged = {name: value for name, value in usual.items() if ALIASES.get(name) not in given} | given
    for name in OBJECTS:
        if isinstance(given.get(name), dict) and name in defaults:
            inner = {key: value for key, value in given[name].items() if value is not None}
            merged[name] = {**defaults[name], **inner}
    return merged
