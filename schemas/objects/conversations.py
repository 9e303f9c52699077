"""`/v1/conversations`: what is said of a conversation, and of one that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's conversation object, with title and newest activity as extras."""

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: Mapping[str, str]
    title: str | None
    updated_at: int


class ConversationDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that is gone."""

    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: bool = True
