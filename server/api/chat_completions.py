"""`POST /v1/chat/completions`."""

from __future__ import annotations

import secrets
import time
from typing import Any

import msgspec
from flask import Blueprint, Response

from schemas.chat_completions import ChatCompletionRequest, load_chat_completion
from server import sse
from server.api.services import client_watch, json_body, json_response, services
from server.api.streaming import stream
from server.api.usage import usage_object
from server.auth import current_caller
from server.chat.system_prompt import with_system_prompt
from server.chat.template import TemplateError
from server.engine.messages import Delta, Finished, ModelCard, TextPiece, TokenLogprob
from server.errors import TemplateRefused
from server.generation import Generation, Usage
from server.served_models import ServedModel
from server.submission import make_submit

blueprint = Blueprint("chat_completions", __name__, url_prefix="/v1/chat/completions")


@blueprint.post("")
def create_chat_completion() -> Response:
    wanted = load_chat_completion(json_body())
    model = services().models.find(wanted.model)
    card = model.require_card()
    submit = make_submit(
        wanted,
        card,
        pieces=render_prompt(model, wanted),
        num_top_logprobs=wanted.num_top_logprobs,
        caller=current_caller(),
        default_max_tokens=services().settings.default_max_tokens,
    )
    generation = Generation(model, [submit], client_watch(), prompt_param="messages")
    generation.start()
    head = completion_head(model, card)
    if wanted.stream:
        return stream(generation, ChatChunkWriter(head, wanted), services().settings.ping_seconds)
    with generation:
        return json_response(chat_completion(head, generation))


def render_prompt(model: ServedModel, wanted: ChatCompletionRequest) -> list[TextPiece]:
    """The conversation through the model's own chat template.

    Raises:
        TemplateRefused: if the template does not take these messages.
    """
    try:
        messages = with_system_prompt(wanted.messages, model.spec.context.system_prompt)
        return model.chat_template().render(messages, template_kwargs=wanted.template_kwargs)
    except TemplateError as error:
        raise TemplateRefused(str(error)) from error


def completion_head(model: ServedModel, card: ModelCard) -> dict[str, Any]:
    """What the completion and each of its chunks begin with; constant over a response."""
    return {
        "id": f"chatcmpl-{secrets.token_hex(16)}",
        "created": int(time.time()),
        "model": model.spec.id,
        "system_fingerprint": card.system_fingerprint,
    }


def chat_completion(head: dict[str, Any], generation: Generation) -> dict[str, Any]:
    """Run a generation to its end, and the whole response for it."""
    texts = [""] * generation.num_choices
    logprobs: list[list[TokenLogprob]] = [[] for _ in texts]
    reasons = ["stop"] * generation.num_choices
    for batch in generation.events():
        for index, event in batch:
            if isinstance(event, Finished):
                reasons[index] = event.finish_reason
            else:
                texts[index] += event.text
                logprobs[index] += event.logprobs or ()
    choices = [_choice(index, texts[index], logprobs[index], reasons[index]) for index in range(len(texts))]
    return {**head, "object": "chat.completion", "choices": choices, "usage": usage_object(generation.usage)}


def _choice(index: int, text: str, logprobs: list[TokenLogprob], finish_reason: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs_object(logprobs) if logprobs else None,
        "finish_reason": finish_reason,
    }


def logprobs_object(logprobs: list[TokenLogprob]) -> dict[str, Any]:
    """OpenAI's `logprobs` of a chat choice."""
    content = [
        {
            **_token_object(token.token_bytes, token.logprob),
            "top_logprobs": [_token_object(top_bytes, logprob) for _, top_bytes, logprob in token.top],
        }
        for token in logprobs
    ]
    return {"content": content, "refusal": None}


def _token_object(token_bytes: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token_bytes.decode(errors="replace"), "logprob": logprob, "bytes": list(token_bytes)}


class ChatChunkWriter:
    """Writes `chat.completion.chunk`s. All that does not change from chunk to chunk is encoded once."""

    def __init__(self, head: dict[str, Any], wanted: ChatCompletionRequest) -> None:
        self._head = {**head, "object": "chat.completion.chunk"}
        self._num_choices = wanted.n
        self._wants_usage = wanted.include_usage
        start = b"data: " + msgspec.json.encode(self._head)[:-1] + b',"choices":[{"index":'
        self._starts = [start + b'%d,"delta":' % index for index in range(wanted.n)]

    def opening(self) -> bytes:
        return b"".join(self._chunk(index, b'{"role":"assistant","content":""}') for index in range(self._num_choices))

    def delta(self, index: int, delta: Delta) -> bytes:
        logprobs = msgspec.json.encode(logprobs_object(delta.logprobs)) if delta.logprobs else b"null"
        return self._chunk(index, b'{"content":' + msgspec.json.encode(delta.text) + b"}", logprobs)

    def finish(self, index: int, finished: Finished) -> bytes:
        return self._chunk(index, b"{}", reason=msgspec.json.encode(finished.finish_reason))

    def usage(self, usage: Usage) -> bytes:
        if not self._wants_usage:
            return b""
        return sse.event({**self._head, "choices": [], "usage": usage_object(usage)})

    def _chunk(self, index: int, delta: bytes, logprobs: bytes = b"null", reason: bytes = b"null") -> bytes:
        end = b',"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}]}\n\n"
        return self._starts[index] + delta + end
