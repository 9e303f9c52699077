"""What children of the supervisor say of their progress: one JSON document a line, on standard output."""

from __future__ import annotations

from typing import Literal

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a child of the supervisor says of its own progress."""

    state: Literal["downloading", "downloaded", "loading", "needs", "ready", "alive", "busy", "failed"]
    """"needs": an engine that loads as soon as it is told that there is room for it. "busy": an engine that was to make
    room has something to do, and goes on."""
    progress: float | None = None
    """From 0 to 1, None when it is not known."""
    message: str = ""
    standing_seconds: float = 0.0
    """For how long an engine's loop has stood still though it has work, with state "alive"."""
    idle_seconds: float | None = None
    """How long ago an engine last had something to do, with state "alive"; None while it has."""
    memory_bytes: int = 0
    """What an engine will take of the host's memory, with state "needs"."""
    path: str | None = None
    """Where the model's (first) file lies, with state "downloaded"."""
