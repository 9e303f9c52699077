"""Saved prompts: the bodies of POST /v1/prompts, and what a request gives to fill one in.

    Write to {{name}} about {{ topic }}.        variables: name, topic

A variable is a name in double braces; other braces are text. Whether a prompt exists is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.fields.base import RequestSchema, StrictField, Text, as_object, at, check_length, invalid, wrong_type
from schemas.fields.errors import SchemaError
from schemas.fields.ids import Id
from schemas.fields.json_schema import Definitions, JSONSchema, an_object, any_of
from schemas.fields.loading import load
from schemas.pages import PageQuery, Query, QueryInteger, load_page_query

PROMPT = "pmpt_"

MAX_NAME_LENGTH = 64
MAX_VARIABLES = 64
MAX_VERSION = 2**31 - 1

_VARIABLE = re.compile(r"\{\{\s*([^\W\d]\w{0,63})\s*\}\}")
_VERSION = re.compile("[1-9][0-9]{0,9}", re.ASCII)


def variables_of(text: str) -> list[str]:
    """Names of the variables, in the order in which they come first."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables' values, in which braces mean nothing.

    Raises SchemaError for a variable without a value, and for a value without a variable.
    """
    names = variables_of(text)
    for name in names:
        if name not in values:
            raise _bad_variable(name, "has no value, but is in the prompt", "missing_required_parameter")
    for name in values:
        if name not in names:
            raise _bad_variable(name, "is not in the prompt", "unknown_parameter")
    return _VARIABLE.sub(lambda found: values[found[1]], text)


def _bad_variable(name: str, reason: str, code: str) -> SchemaError:
    param = f"prompt.variables.{name}"
    return SchemaError(f"'{param}' {reason}.", param, code)


@dataclass(frozen=True)
class NewPrompt:
    """The body of POST /v1/prompts."""

    name: str
    text: str


@dataclass(frozen=True)
class PromptChange:
    """The body of POST /v1/prompts/{id}: None leaves things as they are."""

    name: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class PromptUse:
    """The prompt that a request is to be given, and with what."""

    id: str
    version: int | None = None
    """None is the newest."""
    variables: dict[str, str] = field(default_factory=dict)


class PromptName(Text):
    """What a person calls a prompt; it may be typed behind a slash, so it has no white space around it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name != name.strip():
            raise invalid("must not begin or end with white space")
        return name


class PromptText(Text):
    """A text with variables in it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if len(names := variables_of(text)) > MAX_VARIABLES:
            raise invalid(f"must have at most {MAX_VARIABLES} variables, got {len(names)}")
        return text


class NewPromptSchema(RequestSchema):
    name = PromptName(MAX_NAME_LENGTH, may_be_empty=False, required=True)
    text = PromptText(may_be_empty=False, required=True)


class PromptChangeSchema(RequestSchema):
    name = PromptName(MAX_NAME_LENGTH, may_be_empty=False)
    text = PromptText(may_be_empty=False)


class Version(StrictField[int]):
    """The number of a version, as a string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise wrong_type("a string", value)
        if not _VERSION.fullmatch(value) or int(value) > MAX_VERSION:
            raise invalid("must be the number of a version, such as '1'")
        return int(value)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {"type": "string", "pattern": "^[1-9][0-9]{0,9}$"}


class Variables(StrictField[dict[str, str]]):
    """Values by name: strings, or parts of type `input_text`. Nothing else can be put into a text."""

    _text = Text()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        values = as_object(value)
        check_length(values, 0, MAX_VARIABLES)
        loaded = {}
        for name, one in values.items():
            with at(name):
                loaded[name] = self._value(one)
        return loaded

    def _value(self, value: Any) -> str:
        if not isinstance(value, dict):
            return self._text.load(value)
        if value.get("type") != "input_text":
            raise invalid("must be a string or a part of type 'input_text': this server speaks text only")
        with at("text"):
            return self._text.load(value.get("text"))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        part = an_object({"type": {"const": "input_text"}, "text": {"type": "string"}})
        one = any_of({"type": "string"}, part)
        return {"type": "object", "additionalProperties": one, "maxProperties": MAX_VARIABLES}


class PromptUseSchema(RequestSchema):
    """A saved prompt, and the values of its variables."""

    id = Id(PROMPT, required=True)
    version = Version()
    variables = Variables()


class RetrievalSchema(RequestSchema):
    version = QueryInteger(1, MAX_VERSION)


class VersionsSchema(RequestSchema):
    after = QueryInteger(1, MAX_VERSION)


NEW_PROMPT = NewPromptSchema()
CHANGE = PromptChangeSchema()
RETRIEVAL = RetrievalSchema()
VERSIONS = VersionsSchema()


def load_new_prompt(body: Mapping[str, Any]) -> NewPrompt:
    """The prompt in a decoded JSON object; raises SchemaError, as the other loaders here do."""
    return NewPrompt(**load(NEW_PROMPT, body))


def load_prompt_change(body: Mapping[str, Any]) -> PromptChange:
    """The change in a decoded JSON object, which must name something."""
    change = PromptChange(**load(CHANGE, body))
    if change == PromptChange():
        raise SchemaError("'text' is required unless 'name' is given.", "text", "missing_required_parameter")
    return change


def load_version(query: Query) -> int | None:
    """The version that a query asks for; None is the newest."""
    version: int | None = load(RETRIEVAL, _first_values(query)).get("version")
    return version


def load_versions_query(query: Query) -> tuple[PageQuery, int | None]:
    """The page of versions that a query asks for, and the version after which it begins."""
    after: int | None = load(VERSIONS, _first_values(query)).get("after")
    return load_page_query({name: values for name, values in query.items() if name != "after"}), after


def _first_values(query: Query) -> dict[str, str]:
    return {name: values[0] for name, values in query.items() if values and values[0]}
