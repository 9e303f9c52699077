"""What is said of a response beside an item or a conversation: everything but what was said in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class ResponseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of the Response object, by their names there. Null is what it has not, or not yet."""

    id: str
    status: str
    model: str | None
    created_at: int
    completed_at: int | None
    usage: Mapping[str, Any] | None
    timings: Mapping[str, Any] | None
    incomplete_details: Mapping[str, Any] | None
    error: Mapping[str, Any] | None


class ItemOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """When an item was stored, and the response that it is an output of, if it is one."""

    created_at: int
    response: ResponseSummary | None
