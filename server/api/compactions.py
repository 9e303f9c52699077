"""`POST /v1/responses/compact`: a conversation as one item, which takes its place in the next input.

The answer has the user's messages too, as OpenAI's, and is stored as a response that begins anew.
"""

from __future__ import annotations

import time

from flask import Blueprint, Response

from schemas.compaction import load_compaction
from schemas.objects.responses import CompactedResponse
from schemas.objects.usage import response_usage
from schemas.responses import ResponsesRequest
from server.api.history import opened
from server.api.services import client_watch, json_body, json_response, services, wanted_model
from server.auth.authentication import current_caller, current_user
from server.errors.tree import InvalidRequest
from server.responses.compaction import Sealed, compaction_item, split, transcript, unfolded, users_messages
from server.responses.prompting import check_compactions
from server.responses.response_object import as_json
from server.responses.summary import Summarizer
from storage import responses
from storage.ids import new_id

blueprint = Blueprint("compactions", __name__, url_prefix="/v1/responses")

KEPT_SHARE = 8
"""Of the context, at most this part (one eighth) is kept word for word."""

CHARACTERS_PER_TOKEN = 4
"""Of JSON, roughly; nothing depends on its being exact."""


@blueprint.post("/compact")
def compact() -> Response:
    wanted = load_compaction(json_body())
    model = wanted_model(wanted.model)
    n_ctx = model.require_card().n_ctx
    found = opened(ResponsesRequest(input=wanted.input, previous_response_id=wanted.previous_response_id, store=False))
    check_compactions(found.input)
    items = [*found.history, *found.input]
    conversation = unfolded(items)
    parts = split(conversation.items, n_ctx * CHARACTERS_PER_TOKEN // KEPT_SHARE)
    paragraphs = transcript(parts.older, conversation.summary)
    if not paragraphs and not parts.kept:
        raise InvalidRequest("There is nothing to compact: the conversation has no message.", param="input")
    summarizer = Summarizer(model, current_caller(), client_watch(), wanted.instructions)
    sealed = Sealed(summary=summarizer.summarize(paragraphs), items=[dict(item) for item in parts.kept])
    item = compaction_item(new_id("cmp"), sealed)
    compacted = CompactedResponse(
        id=new_id("resp"),
        created_at=int(time.time()),
        output=[*users_messages(items, new_id), item],
        usage=response_usage(summarizer.usage),
    )
    if wanted.store:
        services().database.run(responses.keep, current_user().id, as_json(compacted), [item])
    return json_response(compacted)
