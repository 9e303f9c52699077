"""`/v1/conversations`: what is said of a conversation, and of one that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from schemas.objects.summaries import ResponseSummary


class ConversationExtras(msgspec.Struct, frozen=True, kw_only=True):
    """What `include` may ask for of a conversation."""

    last_response: ResponseSummary | None
    """The newest response made in it, in whatever state."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's conversation object, with title, newest activity and the response that is being made as extras.

    `parley` is there if it was asked for.
    """

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: Mapping[str, str]
    title: str | None
    updated_at: int
    active_response_id: str | None
    parley: ConversationExtras | msgspec.UnsetType = msgspec.UNSET


class ConversationDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that is gone."""

    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: bool = True
