"""Responses in few words on the wire, and items with where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schemas.objects import summaries as objects
from server.api.services import services
from server.auth.authentication import current_user
from storage import summaries
from storage.records import ResponseSummary, StoredItem

ORIGIN_KEY = "parley"


def shown_items(items: Sequence[StoredItem], *, has_origin: bool) -> list[Mapping[str, Any]]:
    """The current user's items: as they are, or each with its origin."""
    if not has_origin:
        return [item.data for item in items]
    ids = [item.public_id for item in items]
    made_by = services().database.run(summaries.of_items, current_user().id, ids)
    return [{**item.data, ORIGIN_KEY: _origin(item, made_by.get(item.public_id))} for item in items]


def summary_object(found: ResponseSummary) -> objects.ResponseSummary:
    return objects.ResponseSummary(id=found.public_id, status=found.status, created_at=found.created_at, **found.fields)


def _origin(item: StoredItem, made_by: ResponseSummary | None) -> dict[str, Any]:
    response = None if made_by is None else summary_object(made_by)
    origin: dict[str, Any] = msgspec.to_builtins(objects.ItemOrigin(created_at=item.created_at, response=response))
    return origin
