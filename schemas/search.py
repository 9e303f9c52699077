"""The query of GET /v1/conversations/search. What the words in it mean is not known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.fields.base import Choice, RequestSchema, Text
from schemas.fields.ids import CONVERSATION, Id
from schemas.fields.loading import load
from schemas.pages import DEFAULT_LIMIT, MAX_LIMIT, Query, QueryInteger

MAX_QUERY_LENGTH = 256
"""Characters; each word is looked up in the whole index."""


@dataclass(frozen=True)
class Search:
    """What is looked for, and which page of what is found is wanted."""

    query: str
    after: str | None = None
    limit: int = DEFAULT_LIMIT
    order: Literal["newest", "rank"] = "newest"


class SearchSchema(RequestSchema):
    query = Text(MAX_QUERY_LENGTH, required=True)
    after = Id(CONVERSATION)
    limit = QueryInteger(1, MAX_LIMIT)
    order = Choice(("newest", "rank"))


SEARCH = SearchSchema()


def load_search(query: Query) -> Search:
    """The search that a query string asks for; raises SchemaError."""
    given = {name: values[0] for name, values in query.items() if values and values[0]}
    return Search(**load(SEARCH, given))
