"""The query of a request that lists something, page by page, or that asks for more to be included.

A query string is text, repeats its keys, and has no null: an empty value counts as not given. Unknown keys are
ignored. What is listed is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.fields.base import Array, Choice, Integer, RequestSchema, StrictField, wrong_type
from schemas.fields.ids import Id
from schemas.fields.json_schema import Definitions, JSONSchema
from schemas.fields.loading import load

Order = Literal["asc", "desc"]
Query = Mapping[str, Sequence[str]]
"""Values by key, in the order of the query string."""

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
"""Objects on one page; OpenAI's limit."""

INCLUDABLES = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
"""Parts of an item that OpenAI leaves out unless they are asked for. Nothing is left out here, so `include` is only
checked."""

ORIGIN = "parley.origin"
"""Not in OpenAI's API: when each item was stored, and which response made it."""

INTEGER = re.compile("-?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True)
class PageQuery:
    """Which page of a list is wanted."""

    after: str | None = None
    """Id of the last object on the page before."""
    limit: int = DEFAULT_LIMIT
    order: Order = "desc"


class QueryInteger(Integer):
    """A whole number, written in decimal digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not INTEGER.fullmatch(value):
            raise wrong_type("an integer", value)
        return super()._deserialize(int(value), attr, data, **kwargs)


class QueryBoolean(StrictField[bool]):
    """true or false, as a query spells them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value not in ("true", "false"):
            raise wrong_type("true or false", value)
        return bool(value == "true")

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {"type": "boolean"}


class PageSchema(RequestSchema):
    after = Id()
    limit = QueryInteger(1, MAX_LIMIT)
    order = Choice(("asc", "desc"))


class IncludeSchema(RequestSchema):
    include = Array(Choice(INCLUDABLES))


class ItemsIncludeSchema(RequestSchema):
    include = Array(Choice((*INCLUDABLES, ORIGIN)))


PAGE = PageSchema()
INCLUDE = IncludeSchema()
ITEMS_INCLUDE = ItemsIncludeSchema()


def load_page_query(query: Query) -> PageQuery:
    """The page that a query asks for; raises SchemaError."""
    given = {name: values[0] for name, values in query.items() if values and values[0]}
    return PageQuery(**load(PAGE, given))


def check_include(query: Query) -> None:
    """Raise SchemaError unless `include`, or `include[]` as OpenAI's client spells it, names what OpenAI knows."""
    load_include(INCLUDE, query)


def load_wants_origin(query: Query) -> bool:
    """Whether `include` of a request for items names their origin; raises SchemaError as `check_include` does."""
    return ORIGIN in load_include(ITEMS_INCLUDE, query)


def load_include(schema: RequestSchema, query: Query) -> list[str]:
    """What a query's `include` names; raises SchemaError for what the schema's does not have."""
    names = [name for key in ("include", "include[]") for name in query.get(key, ()) if name]
    included: list[str] = load(schema, {"include": names})["include"]
    return included
