"""`/v1/models`: which models there are, and which of them are loaded. Ids may contain slashes."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from schemas.models import load_load, load_named_model, load_unload
from schemas.objects.models import Model, ModelList, ModelMeta, RouterOutcome
from server.api.services import json_body, json_response, optional_json_body, services
from server.auth.authentication import require_admin
from server.backends.served import ServedModel
from server.protocol.runtime import ModelStatus, RuntimeDir, Status

blueprint = Blueprint("models", __name__, url_prefix="/v1/models")


@blueprint.get("")
def list_models() -> Response:
    status = _status()
    return json_response(ModelList(data=[model_object(model, status) for model in services().models]))


@blueprint.get("/<path:model_id>")
def retrieve_model(model_id: str) -> Response:
    return json_response(model_object(services().models.find(model_id), _status()))


@blueprint.post("/<path:model_id>/load")
def load_model(model_id: str) -> Response:
    """Begin to load it: a 202 until it is ready."""
    require_admin()
    wanted = load_load(optional_json_body())
    model = services().models.find(model_id)
    return _outcome(model, model.load(wanted.device), "ready")


@blueprint.post("/<path:model_id>/unload")
def unload_model(model_id: str) -> Response:
    """Begin to unload it: a 202 until that is done."""
    require_admin()
    wanted = load_unload(optional_json_body())
    model = services().models.find(model_id)
    return _outcome(model, model.unload(force=wanted.force), "unloaded")


@blueprint.post("/load")
def load_named() -> Response:
    """llama-server's router's."""
    require_admin()
    services().models.find(load_named_model(json_body()).model).load(None)
    return json_response(RouterOutcome())


@blueprint.post("/unload")
def unload_named() -> Response:
    """llama-server's router's."""
    require_admin()
    services().models.find(load_named_model(json_body()).model).unload(force=False)
    return json_response(RouterOutcome())


def model_object(model: ServedModel, status: Status) -> Model:
    """OpenAI's model object, with its state, and what is known of the model itself under `meta` once it is loaded."""
    card = model.card()
    told = status.models.get(model.id) or ModelStatus(state="unloaded" if card is None else "ready")
    found = Model(id=model.id, created=model.created, aliases=model.aliases, state=told.state, progress=told.progress)
    if card is None:
        return found
    meta = ModelMeta(
        description=card.description,
        n_ctx=card.n_ctx,
        n_ctx_train=card.n_ctx_train,
        n_vocab=card.n_vocab,
        n_params=card.n_params,
        size=card.size_bytes,
        num_slots=card.num_slots,
    )
    return msgspec.structs.replace(found, meta=meta)


def _outcome(model: ServedModel, told: ModelStatus, wanted_state: str) -> Response:
    response = json_response(model_object(model, Status(models={model.id: told})))
    response.status_code = 200 if told.state == wanted_state else 202
    return response


def _status() -> Status:
    runtime_dir = RuntimeDir.from_environment()
    return runtime_dir.read_status() if runtime_dir else Status()
