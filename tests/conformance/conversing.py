"""What the tests of conversations share: clients of several users, and short words for what they often do."""

from __future__ import annotations

import json
from typing import Any

from openai import OpenAI
from pydantic import BaseModel

from tests.live_server import LiveServer

USER = "X-User-ID"
HELLO: Any = {"role": "user", "content": "hi"}


def client_of(keeper: LiveServer, user: str) -> OpenAI:
    return OpenAI(base_url=keeper.base_url, api_key="none", max_retries=0, default_headers={USER: user})


def checked(value: BaseModel) -> BaseModel:
    """`value`, if its type accepts it in strict mode: OpenAI's client itself takes what it gets."""
    type(value).model_validate(value.model_dump(), strict=True)
    return value


def send(
    keeper: LiveServer, method: str, path: str, body: object = None, user: str = "ada"
) -> tuple[int, dict[str, Any]]:
    """Status and body of a request without the SDK; `body` may be bytes."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    status, answer, _ = keeper.request(method, f"/v1/conversations{path}", data, {USER: user})
    return status, answer


def said(text: str) -> Any:
    """What adds a message of the user."""
    return {**HELLO, "content": text}


def texts(items: Any) -> list[str]:
    return [item.content[0].text for item in items]


def ids(items: Any) -> list[str]:
    return [item.id for item in items]


def add(client: OpenAI, conversation_id: str, *added: str) -> list[str]:
    """Ids of messages added one by one."""
    return [client.conversations.items.create(conversation_id, items=[said(text)]).data[0].id or "" for text in added]
