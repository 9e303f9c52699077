"""`/v1/models`: which models there are, and what each can do now. Ids may contain slashes."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from schemas.objects.models import Capabilities, Model, ModelList, ModelMeta
from server.answers.backend import Card
from server.api.model_states import JUST_STARTED, public, read_status
from server.api.services import json_response, services
from server.backends.served import ServedModel
from server.protocol.runtime import Status

blueprint = Blueprint("models", __name__, url_prefix="/v1/models")


@blueprint.get("")
def list_models() -> Response:
    status = read_status()
    return json_response(ModelList(data=[model_object(model, status) for model in services().models]))


@blueprint.get("/<path:model_id>")
def retrieve_model(model_id: str) -> Response:
    return json_response(model_object(services().models.find(model_id), read_status()))


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
