"""The bodies of the requests for /v1/conversations, and the filter of their list.

`title` and the list are not in OpenAI's API. Whether a conversation exists is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import validates_schema

from schemas.defaults import Defaults
from schemas.fields.base import Array, Boolean, Choice, RequestSchema, Text, problem
from schemas.fields.errors import SchemaError
from schemas.fields.ids import CONVERSATION, Id
from schemas.fields.loading import load
from schemas.fields.metadata import Metadata
from schemas.items import Item, items_field
from schemas.pages import Query, QueryBoolean, load_include

MAX_TITLE_LENGTH = 256
"""Characters of a title."""

SETTINGS = {"instructions": "instructions", "defaults": "defaults", "pinned": "is_pinned", "archived": "is_archived"}
"""What the storage calls the settings of a conversation."""

TAKEN_AWAY: dict[str, Any] = {"instructions": None, "defaults": {}}
"""What null means for a setting. The others leave things as they are, as null does elsewhere."""


LAST_RESPONSE = "parley.last_response"
"""What `include` can ask for of a conversation."""


@dataclass(frozen=True)
class NewConversation:
    """The body of POST /v1/conversations."""

    items: tuple[Item, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    title: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """Those that were given, by the names that the storage has for them."""


@dataclass(frozen=True)
class ConversationChange:
    """The body of POST /v1/conversations/{id}: None leaves things as they are, an empty title takes it away."""

    metadata: dict[str, str] | None = None
    title: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """Those that were given, by the names that the storage has for them; null takes instructions and defaults away."""


@dataclass(frozen=True)
class ForkEnd:
    """Up to which item a fork takes items along: `item_id` is the last one, `before` the first that stays behind."""

    item_id: str | None = None
    before: str | None = None


@dataclass(frozen=True)
class ListFilter:
    """Which conversations are listed."""

    metadata: dict[str, str] = field(default_factory=dict)
    forked_from: str | None = None
    root: str | None = None
    roots: bool = False
    """Whether only the first of each family is listed."""
    pinned: bool | None = None
    archived: bool | None = None


class ConversationSchema(RequestSchema):
    metadata = Metadata()
    title = Text(MAX_TITLE_LENGTH)
    instructions = Text()
    defaults = Defaults()
    pinned = Boolean()
    archived = Boolean()


class NewConversationSchema(ConversationSchema):
    items = items_field()


class NewItemsSchema(RequestSchema):
    items = items_field(required=True, min_items=1)


class ForkSchema(RequestSchema):
    """Which items a fork takes along; all, if nothing is said."""

    item_id = Id()
    before = Id()

    @validates_schema
    def _one_end(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if {"item_id", "before"} <= data.keys():
            raise problem("cannot go together with 'item_id'", "mutually_exclusive_parameters", "before")


class ListFilterSchema(RequestSchema):
    forked_from = Id(CONVERSATION)
    root = Id(CONVERSATION)
    roots = QueryBoolean()
    pinned = QueryBoolean()
    archived = QueryBoolean()

    @validates_schema
    def _roots_stand_alone(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        for name in ("root", "forked_from"):
            if data.get("roots") and name in data:
                raise problem("cannot go together with 'roots'", "mutually_exclusive_parameters", name)


class DeletionSchema(RequestSchema):
    family = QueryBoolean()


class IncludeSchema(RequestSchema):
    include = Array(Choice((LAST_RESPONSE,)))


class MetadataFilterSchema(RequestSchema):
    metadata = Metadata()


NEW_CONVERSATION = NewConversationSchema()
CHANGE = ConversationSchema()
NEW_ITEMS = NewItemsSchema()
FORK = ForkSchema()
LIST_FILTER = ListFilterSchema()
DELETION = DeletionSchema()
INCLUDE = IncludeSchema()
METADATA_FILTER = MetadataFilterSchema()


def load_new_conversation(body: Mapping[str, Any]) -> NewConversation:
    """The conversation in a decoded JSON object; raises SchemaError, as the other loaders here do."""
    loaded = load(NEW_CONVERSATION, body)
    settings = _settings(loaded)
    return NewConversation(**{**loaded, "items": tuple(loaded.get("items", ())), "settings": settings})


def load_conversation_change(body: Mapping[str, Any]) -> ConversationChange:
    """The change in a decoded JSON object; raises SchemaError.

    Without a title or a setting there must be `metadata`, and as at OpenAI it must not be null. With one it may be
    null, since OpenAI's client always sends it.
    """
    if "metadata" not in body and "title" not in body and not SETTINGS.keys() & body.keys():
        raise SchemaError("'metadata' is required, but was not given.", "metadata", "missing_required_parameter")
    changes_more = body.get("title") is not None or SETTINGS.keys() & body.keys()
    if "metadata" in body and body["metadata"] is None and not changes_more:
        raise SchemaError(
            "'metadata' must not be null unless there is a title or a setting.", "metadata", "invalid_type"
        )
    loaded = load(CHANGE, body)
    taken_away = {name: value for name, value in TAKEN_AWAY.items() if name in body and body[name] is None}
    settings = taken_away | _settings(loaded)
    return ConversationChange(**loaded, settings=settings)


def _settings(loaded: dict[str, Any]) -> dict[str, Any]:
    """Those among the loaded fields, which are taken out of them, by the storage's names."""
    return {column: loaded.pop(name) for name, column in SETTINGS.items() if name in loaded}


def load_new_items(body: Mapping[str, Any]) -> list[Item]:
    """The items to add, at least one."""
    items: list[Item] = load(NEW_ITEMS, body)["items"]
    return items


def load_fork(body: Mapping[str, Any]) -> ForkEnd:
    """Which items to take along; raises SchemaError."""
    return ForkEnd(**load(FORK, body))


def load_list_filter(query: Query) -> ListFilter:
    """Which conversations a query wants to be listed; raises SchemaError. An empty value counts as not given."""
    given = {name: values[0] for name, values in query.items() if values and values[0]}
    return ListFilter(load_metadata_filter(query), **load(LIST_FILTER, given))


def load_deletion(query: Query) -> bool:
    """Whether the whole family is to be deleted; raises SchemaError."""
    given = {name: values[0] for name, values in query.items() if values and values[0]}
    return bool(load(DELETION, given).get("family"))


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
