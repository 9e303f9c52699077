"""`/healthz` and `/readyz`: whether the server is alive, and how far its models are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A process that answers."""

    status: Literal["ok"] = "ok"


class ModelReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """How far a model is, in the supervisor's words; times are seconds since the epoch.

    `chat_template` is what this worker found when it tried it; None while it does not know, and of models that embed.
    """

    state: str
    progress: float | None
    message: str
    retry_at: float | None
    chat_template: str | None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every model is ready, and what is missing."""

    status: Literal["ready", "not ready", "starting", "stopping"]
    models: Mapping[str, ModelReadiness]
