"""A page of a list, in OpenAI's envelope. It does not know what is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec


class HasId(Protocol):
    """An object that a list may have."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=HasId | Mapping[str, Any])


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some of a list's objects. OpenAI's types want strings as ids, even of an empty page."""

    object: Literal["list"] = "list"
    data: Sequence[T]
    first_id: str
    last_id: str
    has_more: bool


def list_object(data: Sequence[T], has_more: bool) -> Page[T]:
    """The envelope of objects, which are structs or, as items are, dicts."""
    first_id, last_id = (_id_of(data[0]), _id_of(data[-1])) if data else ("", "")
    return Page(data=data, first_id=first_id, last_id=last_id, has_more=has_more)


def _id_of(listed: HasId | Mapping[str, Any]) -> str:
    return str(listed["id"]) if isinstance(listed, Mapping) else listed.id
