"""`/v1/models`: which models there are, which are loaded, and what each can do now. Ids may contain slashes."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from schemas.models import load_load, load_named_model, load_unload
from schemas.objects.models import Capabilities, Model, ModelList, ModelMeta, RouterOutcome
from server.answers.backend import Card
from server.api.model_states import JUST_STARTED, public, read_status
from server.api.services import json_body, json_response, optional_json_body, services
from server.auth.authentication import require_admin
from server.backends.served import ServedModel
from server.protocol.runtime import ModelStatus, Status

blueprint = Blueprint("models", __name__, url_prefix="/v1/models")


@blueprint.get("")
def list_models() -> Response:
    status = read_status()
    return json_response(ModelList(data=[model_object(model, status) for model in services().models]))


@blueprint.get("/<path:model_id>")
def retrieve_model(model_id: str) -> Response:
    return json_response(model_object(services().models.find(model_id), read_status()))


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
    """OpenAI's model object with its state, and what is known of the model itself under `meta` once it is loaded."""
    card, features = model.card(), model.features()
    told = status.models.get(model.id, JUST_STARTED)
    return Model(
        id=model.id,
        created=model.created,
        aliases=model.aliases,
        state=told.state,
        progress=told.progress,
        message=public(told.message),
        capabilities=Capabilities(
            generates=model.generates, embeds=model.embeds, tools=features.calls_tools, reasoning=features.reasons
        ),
        device=None if card is None else card.device,
        meta=msgspec.UNSET if card is None else _meta(card),
    )


def _meta(card: Card) -> ModelMeta:
    return ModelMeta(
        description=card.description,
        n_ctx=card.n_ctx,
        n_ctx_train=card.n_ctx_train,
        n_vocab=card.n_vocab,
        n_params=card.n_params,
        size=card.size_bytes,
        num_slots=card.num_slots,
    )


def _outcome(model: ServedModel, told: ModelStatus, wanted_state: str) -> Response:
    response = json_response(model_object(model, Status(models={model.id: told})))
    response.status_code = 200 if told.state == wanted_state else 202
    return response
