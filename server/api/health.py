"""Is the server alive, and can it generate yet? For load balancers, containers and people who wait.

Reads what the supervisor has written, and what this worker knows of the models' templates; it never talks to an engine.
Anybody may ask.
"""

from __future__ import annotations

import math
import time
from typing import Literal

import msgspec
from flask import Blueprint, Response, jsonify

from schemas.objects.health import Health, ModelReadiness, Readiness
from server.api.model_states import JUST_STARTED, public, read_status
from server.api.services import services
from server.errors.tree import ModelNotReady, ShuttingDown
from server.http import draining
from server.protocol.runtime import ModelStatus, Status

blueprint = Blueprint("health", __name__)

MIN_RETRY_SECONDS = 1


@blueprint.get("/healthz")
def get_health() -> Response:
    """200 for as long as this process answers at all."""
    return _uncached(jsonify(msgspec.to_builtins(Health())))


@blueprint.get("/health")
def get_llama_health() -> Response:
    """llama-server's: 200 as soon as some model can answer, be it after it is loaded, until the server is about to end.

    Raises:
        ShuttingDown, ModelNotReady: if none can.
    """
    if draining.is_draining():
        raise ShuttingDown
    status = read_status()
    if not any(model.can_answer for model in status.models.values()):
        raise _not_ready(status)
    return get_health()


@blueprint.get("/readyz")
def get_readiness() -> Response:
    """200 when every model is ready that is loaded at the start, else 503 with what is missing.

    A model with a broken chat template is ready: it answers whatever is no chat, and no restart would put it right.
    """
    status = read_status()
    is_ready = status.is_ready and not draining.is_draining()
    templates = {engine.id: engine.template_state() for engine in services().engines}
    models = {model_id: _dump(model, templates.get(model_id)) for model_id, model in status.models.items()}
    response = jsonify(msgspec.to_builtins(Readiness(status=_word(status, is_ready=is_ready), models=models)))
    if not is_ready:
        response.status_code = 503
        response.headers["Retry-After"] = str(_seconds_to_retry(status))
    return _uncached(response)


def _not_ready(status: Status) -> ModelNotReady:
    """Why the first model cannot be used."""
    for model_id, model in status.models.items():
        return ModelNotReady(model_id, model.state, model.progress, public(model.message), _seconds_to_retry(status))
    return ModelNotReady("", JUST_STARTED.state, None, JUST_STARTED.message, MIN_RETRY_SECONDS)


def _word(status: Status, *, is_ready: bool) -> Literal["ready", "not ready", "starting", "stopping"]:
    if is_ready:
        return "ready"
    if draining.is_draining():
        return "stopping"
    return "not ready" if status.models else "starting"


def _dump(model: ModelStatus, chat_template: str | None) -> ModelReadiness:
    return ModelReadiness(
        state=model.state,
        progress=model.progress,
        message=public(model.message),
        retry_at=model.retry_at,
        chat_template=chat_template,
    )


def _seconds_to_retry(status: Status) -> int:
    """Until the next attempt of the model that takes longest; models that are loading may be ready any moment."""
    retry_at = max((model.retry_at for model in status.models.values() if model.retry_at is not None), default=0.0)
    return max(MIN_RETRY_SECONDS, math.ceil(retry_at - time.time()))


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
