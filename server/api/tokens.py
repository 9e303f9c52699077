"""`POST /tokenize`, `/detokenize` and `/apply-template`, as llama-server has them."""

from __future__ import annotations

from collections.abc import Sequence

import gevent
from flask import Blueprint, Response

from schemas.chat_completions import load_chat_completion
from schemas.objects.tokens import Detokenized, Prompt, TokenPiece, Tokens
from schemas.tokens import load_detokenize, load_tokenize
from server.api.chat_completions.request import chat_request
from server.api.services import client_watch, json_body, json_response, services, wanted_model
from server.api.stored_words import system_prompt
from server.auth.authentication import current_caller

blueprint = Blueprint("tokens", __name__)

TOKENS_AT_A_TIME = 20_000


@blueprint.post("/tokenize")
def tokenize() -> Response:
    wanted = load_tokenize(json_body())
    found = wanted_model(wanted.model).tokenize(wanted, current_caller(), client_watch())
    if found.pieces is None:
        return json_response(Tokens(tokens=found.token_ids))
    return json_response(Tokens(tokens=token_objects(found.token_ids, found.pieces)))


@blueprint.post("/detokenize")
def detokenize() -> Response:
    wanted = load_detokenize(json_body())
    found = wanted_model(wanted.model).detokenize(wanted, current_caller(), client_watch())
    return json_response(Detokenized(content=b"".join(found.pieces or ()).decode(errors="replace")))


@blueprint.post("/apply-template")
def apply_template() -> Response:
    wanted = load_chat_completion(json_body())
    model = wanted_model(wanted.model)
    request = chat_request(wanted, services().settings, system_prompt(wanted, model.policy.system_prompt))
    return json_response(Prompt(prompt=model.prompt_text(request)))


def token_objects(token_ids: Sequence[int], pieces: Sequence[bytes]) -> list[TokenPiece]:
    """llama-server's objects of tokens; the worker turns to others now and then."""
    shown: dict[bytes, str | list[int]] = {}
    objects = []
    for index, (token, piece) in enumerate(zip(token_ids, pieces, strict=True), 1):
        if piece not in shown:
            shown[piece] = text_or_bytes(piece)
        objects.append(TokenPiece(id=token, piece=shown[piece]))
        if index % TOKENS_AT_A_TIME == 0:
            gevent.sleep(0)
    return objects


def text_or_bytes(piece: bytes) -> str | list[int]:
    """Not every token is whole characters."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)
