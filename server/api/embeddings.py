"""`POST /v1/embeddings`: texts to vectors of length 1, for models that the settings call embedding models."""

from __future__ import annotations

import array
import base64
import sys

from flask import Blueprint, Response

from schemas.embeddings import EmbeddingRequest, load_embedding
from schemas.objects.embeddings import Embedding, EmbeddingList, EmbeddingUsage
from server.api.services import client_watch, json_body, json_response, services
from server.auth.authentication import current_caller
from server.backends.local.generation import Generation
from server.backends.local.submission import turn_of
from server.protocol.messages import Embed

blueprint = Blueprint("embeddings", __name__, url_prefix="/v1/embeddings")


@blueprint.post("")
def create_embeddings() -> Response:
    wanted = load_embedding(json_body())
    model = services().models.find(wanted.model)
    model.require_embedding_card()
    with Generation(model, [make_embed(wanted)], client_watch(), prompt_param="input") as generation:
        generation.start()
        vectors = generation.vectors()
    num_tokens = generation.usage.num_prompt_tokens
    return json_response(
        EmbeddingList(
            data=[embedding_object(index, vector, wanted) for index, vector in enumerate(vectors)],
            model=model.spec.id,
            usage=EmbeddingUsage(prompt_tokens=num_tokens, total_tokens=num_tokens),
        )
    )


def make_embed(wanted: EmbeddingRequest) -> Embed:
    return Embed(
        request_id=0,
        texts=wanted.texts,
        token_ids=wanted.token_ids,
        dimensions=wanted.dimensions,
        user=turn_of(current_caller(), wanted.user),
    )


def embedding_object(index: int, vector: bytes, wanted: EmbeddingRequest) -> Embedding:
    """OpenAI's embedding object; `vector` has 32-bit numbers, little-endian, which is what base64 carries."""
    encoded = base64.b64encode(vector).decode() if wanted.wants_base64 else numbers(vector)
    return Embedding(index=index, embedding=encoded)


def numbers(vector: bytes) -> list[float]:
    found = array.array("f", vector)
    if sys.byteorder == "big":
        found.byteswap()
    return found.tolist()
