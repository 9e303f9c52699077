"""`/v1/conversations`: what is said of a conversation, and of one that is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from schemas.objects.summaries import ResponseSummary


class ConversationExtras(msgspec.Struct, frozen=True, kw_only=True):
    """What `include` may ask for of a conversation."""

    last_response: ResponseSummary | None
    """The newest response made in it, in whatever state."""


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """Where a conversation was forked from, the last item that both had then, and the place behind it."""

    conversation_id: str
    item_id: str | None
    position: int


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation and all forks, and forks of forks, of it."""

    num_conversations: int
    newest_conversation_id: str
    updated_at: int
    active_response_ids: Sequence[str]


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's conversation object; title, newest activity, lineage and the response that is being made are extras.

    Only listed roots have a `family`, and `parley` is there if it was asked for.
    """

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: Mapping[str, str]
    title: str | None
    updated_at: int
    root_id: str
    forked_from: Fork | None
    instructions: str | None
    defaults: Mapping[str, Any]
    pinned: bool
    archived: bool
    active_response_id: str | None
    family: Family | msgspec.UnsetType = msgspec.UNSET
    parley: ConversationExtras | msgspec.UnsetType = msgspec.UNSET


class SnippetPart(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a text that was searched."""

    text: str
    is_match: bool


class ConversationMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation in which something was found: in an item, or else in its title."""

    object: Literal["conversation.match"] = "conversation.match"
    conversation: Conversation
    item_id: str | None
    snippet: Sequence[SnippetPart]

    @property
    def id(self) -> str:
        """Where a page of matches ends."""
        return self.conversation.id


class ConversationDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that is gone."""

    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: bool = True
