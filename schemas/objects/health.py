"""`/healthz` and `/readyz`: whether the server is alive, and how far its models are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A process that answers."""

    status: Literal["ok"] = "ok"


class ModelReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """How far a model is, in the supervisor's words; times are seconds since the epoch."""

    state: str
    progress: float | None
    message: str
    retry_at: float | None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every model is ready, and what is missing."""

    status: Literal["ready", "not ready", "starting", "stopping"]
    models: Mapping[str, ModelReadiness]
