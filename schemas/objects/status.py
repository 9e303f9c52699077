"""`GET /v1/status`: what a client has to know of the server before it offers anything."""

from __future__ import annotations

from typing import Literal

import msgspec


class StatusUser(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the server has recognised."""

    id: str
    name: str


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What requests may have at most. How long a prompt may be is the model's `n_ctx`."""

    max_body_mb: int
    """MiB of a request's body."""
    max_input_items: int
    """Items in a response's input."""
    max_new_items: int
    """Items that are added to a conversation at once."""
    max_page_length: int
    """Objects on one page of a list."""
    max_title_characters: int
    max_metadata_pairs: int
    max_metadata_key_characters: int
    max_metadata_value_characters: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The server, as whoever asks may use it."""

    object: Literal["status"] = "status"
    version: str
    auth: Literal["off", "keys", "header"]
    user: StatusUser | None
    """Null where nobody is told apart."""
    titles: bool
    """Whether conversations get titles by themselves."""
    limits: Limits
    started_at: int
    """Seconds since the epoch."""
