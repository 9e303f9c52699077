"""What chat completions and completions have in common: which model, how much, when to stop, how to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import validates_schema

from schemas.coverage.refusals import refuse_unsupported
from schemas.fields.base import Array, Boolean, Integer, Object, RequestSchema, StrictField, Text, invalid, wrong_type
from schemas.fields.json_schema import Definitions, JSONSchema, any_of
from schemas.fields.loading import load
from schemas.sampling import SamplingSchema, sampling_options
from schemas.structured_output import ResponseFormat, StructureSchema, output_format, refuse_several

MAX_TOKENS = 2**31 - 1
"""Tokens of an answer that may be asked for. The context is the bound that counts; more would not fit the messages to
the engine."""

MAX_CHOICES = 128
"""Choices of one prompt; OpenAI's limit. Those beyond the number of slots wait for a free one."""

MAX_TOP_LOGPROBS = 20

MAX_STOP_STRINGS = 64
"""Stop strings of one request; OpenAI accepts four."""

MAX_STOP_LENGTH = 1024
"""Characters of a stop string. A stream is held back by as much while one may be beginning."""

MAX_NAME_LENGTH = 512
"""Characters in the name of a user or a model."""

REASONING_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""How long a model thinks, in OpenAI's words."""

COMMON_NAMES = ("model", "max_tokens", "stop", "n", "stream", "ignore_eos")
"""Fields of the schema that are fields of the request dataclasses as they are."""


class StopStrings(StrictField[tuple[str, ...]]):
    """One string, or an array of them; an empty one would stop everything."""

    _string = Text(MAX_STOP_LENGTH, may_be_empty=False)
    _strings = Array(_string, max_items=MAX_STOP_STRINGS)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        if isinstance(value, list):
            return tuple(self._strings.load(value))
        if isinstance(value, str):
            return (self._string.load(value),)
        raise wrong_type("a string or an array of strings", value)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of(self._string.json_schema(definitions), self._strings.json_schema(definitions))


class TokenLimit(Integer):
    """The most tokens of an answer; -1 is no limit, as llama-server and LM Studio have it."""

    def __init__(self, minimum: int = 1) -> None:
        super().__init__(minimum, MAX_TOKENS)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is int and value == -1:
            return MAX_TOKENS
        return super()._deserialize(value, attr, data, **kwargs)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of(super().json_schema(definitions), {"const": -1})


class StreamOptionsSchema(RequestSchema):
    """What a stream has besides its text. `include_obfuscation` is tolerated: nothing is ever padded."""

    include_usage = Boolean()


class GenerationSchema(SamplingSchema, StructureSchema):
    """The fields of every request that generates."""

    model = Text(MAX_NAME_LENGTH)
    max_tokens = TokenLimit()
    stop = StopStrings()
    n = Integer(1, MAX_CHOICES)
    stream = Boolean()
    stream_options = Object(StreamOptionsSchema())
    ignore_eos = Boolean()
    response_format = ResponseFormat("response_format")
    user = Text(MAX_NAME_LENGTH)
    safety_identifier = Text(MAX_NAME_LENGTH)
    """OpenAI's newer name of `user`, which wins when both are given."""

    @validates_schema
    def _stream_options_need_a_stream(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "stream_options" in data and not data.get("stream"):
            raise invalid("is only allowed when 'stream' is true", "stream_options")

    @validates_schema
    def _one_output_format(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if error := refuse_several(data):
            raise error


def load_fields(schema: RequestSchema, endpoint: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a decoded JSON object that `schema` knows; raises SchemaError, first for what is not supported."""
    refuse_unsupported(endpoint, body)
    return load(schema, body)


def generation_options(loaded: Mapping[str, Any]) -> dict[str, Any]:
    """The common fields of the request dataclasses, as far as they were given."""
    given = {name: loaded[name] for name in COMMON_NAMES if name in loaded}
    given["sampling"] = sampling_options(loaded)
    given["include_usage"] = loaded.get("stream_options", {}).get("include_usage", False)
    given["output_format"] = output_format(loaded)
    given["user"] = loaded.get("user", loaded.get("safety_identifier"))
    return given
