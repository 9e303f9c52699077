"""`POST /v1/embeddings`: texts to vectors of length 1, for models that the settings call embedding models."""

from __future__ import annotations

import array
import base64
import sys

from flask import Blueprint, Response

from schemas.embeddings import EmbeddingRequest, load_embedding
from schemas.objects.embeddings import Embedding, EmbeddingList, EmbeddingUsage
from server.api.services import client_watch, json_body, json_response, wanted_model
from server.auth.authentication import current_caller

blueprint = Blueprint("embeddings", __name__, url_prefix="/v1/embeddings")


@blueprint.post("")
def create_embeddings() -> Response:
    wanted = load_embedding(json_body())
    model = wanted_model(wanted.model)
    vectors = model.embed(wanted, current_caller(), client_watch())
    return json_response(
        EmbeddingList(
            data=[embedding_object(index, vector, wanted) for index, vector in enumerate(vectors.data)],
            model=model.id,
            usage=EmbeddingUsage(prompt_tokens=vectors.num_tokens, total_tokens=vectors.num_tokens),
        )
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
