"""`POST /v1/completions`: raw prompts, as text or token ids, without a chat template.

The prompt is the model's whole input, so control tokens spelled in it are control tokens, as with every other server.
"""

from __future__ import annotations

import secrets
import time
from contextlib import closing

import msgspec
from flask import Blueprint, Response

from schemas.completions import load_completion
from schemas.objects.completions import TextCompletion
from schemas.objects.usage import completion_usage
from server.api.completions.choices import whole_choices
from server.api.completions.chunks import CompletionChunkWriter
from server.api.services import client_watch, json_body, json_response, running_stopwatch, services, wanted_model
from server.api.streaming import stream
from server.auth.authentication import current_caller

blueprint = Blueprint("completions", __name__, url_prefix="/v1/completions")


@blueprint.post("")
def create_completion() -> Response:
    wanted = load_completion(json_body())
    model = wanted_model(wanted.model)
    card = model.require_card()
    answer = model.complete(wanted, current_caller(), client_watch())
    stopwatch = running_stopwatch()
    stopwatch.ask()
    answer.start()
    head = TextCompletion(
        id=f"cmpl-{secrets.token_hex(16)}",
        created=int(time.time()),
        model=model.id,
        system_fingerprint=card.system_fingerprint,
    )
    if wanted.stream:
        return stream(answer, CompletionChunkWriter(head, wanted, answer, stopwatch), services().settings.ping_seconds)
    with closing(answer):
        choices = whole_choices(wanted, answer, stopwatch)
        usage, timings = completion_usage(answer.usage), stopwatch.timings(answer.usage)
        return json_response(msgspec.structs.replace(head, choices=choices, usage=usage, timings=timings))
