"""The bodies of the requests for /v1/conversations, and the filter of their list.

`title` and the list are not in OpenAI's API. Whether a conversation exists is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.fields.base import Array, Choice, RequestSchema, Text
from schemas.fields.errors import SchemaError
from schemas.fields.ids import Id
from schemas.fields.loading import load
from schemas.fields.metadata import Metadata
from schemas.items import Item, items_field
from schemas.pages import Query, load_include

MAX_TITLE_LENGTH = 256
"""Characters of a title."""


LAST_RESPONSE = "parley.last_response"
"""What `include` can ask for of a conversation."""


@dataclass(frozen=True)
class NewConversation:
    """The body of POST /v1/conversations."""

    items: tuple[Item, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    title: str | None = None


@dataclass(frozen=True)
class ConversationChange:
    """The body of POST /v1/conversations/{id}: None leaves things as they are, an empty title takes it away."""

    metadata: dict[str, str] | None = None
    title: str | None = None


class ConversationSchema(RequestSchema):
    metadata = Metadata()
    title = Text(MAX_TITLE_LENGTH)


class NewConversationSchema(ConversationSchema):
    items = items_field()


class NewItemsSchema(RequestSchema):
    items = items_field(required=True, min_items=1)


class ForkSchema(RequestSchema):
    item_id = Id()


class IncludeSchema(RequestSchema):
    include = Array(Choice((LAST_RESPONSE,)))


class MetadataFilterSchema(RequestSchema):
    metadata = Metadata()


NEW_CONVERSATION = NewConversationSchema()
CHANGE = ConversationSchema()
NEW_ITEMS = NewItemsSchema()
FORK = ForkSchema()
INCLUDE = IncludeSchema()
METADATA_FILTER = MetadataFilterSchema()


def load_new_conversation(body: Mapping[str, Any]) -> NewConversation:
    """The conversation in a decoded JSON object; raises SchemaError, as the other loaders here do."""
    loaded = load(NEW_CONVERSATION, body)
    return NewConversation(**{**loaded, "items": tuple(loaded.get("items", ()))})


def load_conversation_change(body: Mapping[str, Any]) -> ConversationChange:
    """The change in a decoded JSON object; raises SchemaError.

    Without a title there must be `metadata`, and as at OpenAI it must not be null. With one it may be null, since
    OpenAI's client always sends it.
    """
    if "metadata" not in body and "title" not in body:
        raise SchemaError("'metadata' is required, but was not given.", "metadata", "missing_required_parameter")
    if "metadata" in body and body["metadata"] is None and body.get("title") is None:
        raise SchemaError("'metadata' must not be null unless there is a title.", "metadata", "invalid_type")
    return ConversationChange(**load(CHANGE, body))


def load_new_items(body: Mapping[str, Any]) -> list[Item]:
    """The items to add, at least one."""
    items: list[Item] = load(NEW_ITEMS, body)["items"]
    return items


def load_fork(body: Mapping[str, Any]) -> str | None:
    """The id of the last item to take along; None takes all."""
    item_id: str | None = load(FORK, body).get("item_id")
    return item_id


def load_wants_last_response(query: Query) -> bool:
    """Whether `include` of a request for a conversation names its last response; there is nothing else to name."""
    return LAST_RESPONSE in load_include(INCLUDE, query)


def load_metadata_filter(query: Query) -> dict[str, str]:
    """The pairs of a query's `metadata[key]=value`."""
    pairs = {key[9:-1]: values[0] for key, values in query.items() if key.startswith("metadata[") and key[-1] == "]"}
    wanted: dict[str, str] = load(METADATA_FILTER, {"metadata": pairs})["metadata"]
    for key, value in wanted.items():
        if "\0" in key + value:
            raise SchemaError("A filter by metadata contains a NUL character.", "metadata", "invalid_value")
    return wanted
