"""`POST /v1/chat/completions`."""

from __future__ import annotations

import secrets
import time
from contextlib import closing

from flask import Blueprint, Response

from schemas.chat_completions import ChatCompletionRequest, load_chat_completion
from schemas.objects.chat_completions import ChatCompletion
from schemas.objects.usage import completion_usage
from server.answers.answer import Answer
from server.answers.backend import Card
from server.answers.stopwatch import Stopwatch
from server.api.chat_completions.choices import ChatChoice
from server.api.chat_completions.chunks import ChatChunkWriter
from server.api.chat_completions.head import CompletionHead
from server.api.chat_completions.request import chat_request
from server.api.services import client_watch, json_body, json_response, running_stopwatch, services, wanted_model
from server.api.stored_words import system_prompt
from server.api.streaming import stream
from server.auth.authentication import current_caller
from server.backends.served import ServedModel

blueprint = Blueprint("chat_completions", __name__, url_prefix="/v1/chat/completions")


@blueprint.post("")
def create_chat_completion() -> Response:
    wanted = load_chat_completion(json_body())
    model = wanted_model(wanted.model)
    card = model.require_card()
    settings = services().settings
    request = chat_request(wanted, settings, system_prompt(wanted, model.policy.system_prompt))
    answer = model.answer(request, current_caller(), client_watch())
    stopwatch = running_stopwatch()
    stopwatch.ask()
    answer.start()
    head = completion_head(model, card)
    if wanted.stream:
        return stream(answer, ChatChunkWriter(head, wanted, answer, stopwatch), settings.ping_seconds)
    with closing(answer):
        return json_response(chat_completion(head, answer, wanted, stopwatch))


def completion_head(model: ServedModel, card: Card) -> CompletionHead:
    """What the completion and each of its chunks begin with; constant over a response."""
    return CompletionHead(
        id=f"chatcmpl-{secrets.token_hex(16)}",
        created=int(time.time()),
        model=model.id,
        system_fingerprint=card.system_fingerprint,
    )


def chat_completion(
    head: CompletionHead, answer: Answer, wanted: ChatCompletionRequest, stopwatch: Stopwatch
) -> ChatCompletion:
    """Read an answer that has just been started to its end, and the whole response for it."""
    choices = [ChatChoice(index) for index in range(answer.num_choices)]
    for batch in answer.batches():
        for index, part in batch:
            stopwatch.see_part()
            choices[index].take(part)
    return ChatCompletion(
        **head,
        choices=[choice.as_object(wanted) for choice in choices],
        usage=completion_usage(answer.usage),
        timings=stopwatch.timings(answer.usage),
    )
