"""`/v1/models`: which models there are. Ids may contain slashes."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from schemas.objects.models import Model, ModelList, ModelMeta
from server.api.services import json_response, services
from server.backends.served import ServedModel

blueprint = Blueprint("models", __name__, url_prefix="/v1/models")


@blueprint.get("")
def list_models() -> Response:
    return json_response(ModelList(data=[model_object(model) for model in services().models]))


@blueprint.get("/<path:model_id>")
def retrieve_model(model_id: str) -> Response:
    return json_response(model_object(services().models.find(model_id)))


def model_object(model: ServedModel) -> Model:
    """OpenAI's model object, with what is known of the model itself under `meta` once it is loaded."""
    found = Model(id=model.id, created=model.created, aliases=model.aliases)
    if (card := model.card()) is None:
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
