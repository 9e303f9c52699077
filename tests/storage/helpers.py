"""Items and responses as tests need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storage import opening, responses
from storage.db.database import Database
from storage.ids import new_id
from storage.records import Opened, StoredEvent, StoredResponse, User


def message(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **more}


def answer(item_id: str, text: str, status: str = "completed") -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def texts(items: list[Any]) -> list[str]:
    """Of messages, as records or as they go on the wire."""
    return [getattr(item, "data", item)["content"][0]["text"] for item in items]


def response_body(public_id: str | None = None, status: str = "in_progress") -> dict[str, Any]:
    return {"id": public_id or new_id("resp"), "object": "response", "created_at": 5, "status": status, "output": []}


def begin(
    database: Database,
    user: User,
    *inputs: dict[str, Any],
    lease_seconds: float = 60,
    events: Sequence[StoredEvent] = (),
    **more: Any,
) -> StoredResponse:
    more.setdefault("owner", "worker")
    body = response_body()
    begun = database.run(responses.create, user.id, body, list(inputs), lease_seconds=lease_seconds, **more)
    if events:
        database.run(responses.save_output, user.id, begun.public_id, [], events=events)
    return begun


def complete(
    database: Database, user: User, response: StoredResponse, *outputs: dict[str, Any], status: str = "completed"
) -> StoredResponse:
    body = response.body | {"status": status, "output": list(outputs)}
    database.run(responses.finish, user.id, response.public_id, status, body, list(outputs))
    return database.run(responses.get, user.id, response.public_id)


def lock(
    database: Database,
    user: User,
    conversation_id: str | None,
    owner: str,
    *inputs: dict[str, Any],
    lease_seconds: float = 60,
    worker: str = "worker",
    **more: Any,
) -> Opened:
    """What a turn does first; `owner` is the id of its response."""
    return database.run(
        opening.lock_and_read,
        user.id,
        list(inputs),
        owner=owner,
        worker=worker,
        lease_seconds=lease_seconds,
        conversation_id=conversation_id,
        **more,
    )
