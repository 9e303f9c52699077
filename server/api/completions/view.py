"""`POST /v1/completions`: raw prompts, as text or token ids, without a chat template.

The prompt is the model's whole input, so control tokens spelled in it are control tokens, as with every other server.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from flask import Blueprint, Response

from schemas.completions import CompletionRequest, Prompt, load_completion
from server.api.completions.choices import choice_logprobs, echoes, whole_choices
from server.api.services import client_watch, json_body, json_response, services
from server.api.streaming import stream
from server.api.usage import usage_object
from server.auth.authentication import current_caller
from server.backends.local.generation import Generation, Usage
from server.backends.local.structured_output import grammar_of, grammar_param
from server.backends.local.submission import Caller, make_submit
from server.errors import InvalidRequest, UnsupportedParameter
from server.http import sse
from server.protocol.messages import Delta, Finished, ModelCard, Submit, TextPiece

blueprint = Blueprint("completions", __name__, url_prefix="/v1/completions")


@blueprint.post("")
def create_completion() -> Response:
    wanted = load_completion(json_body())
    model = services().models.find(wanted.model)
    card = model.require_card()
    check_room(len(wanted.prompts), card.num_slots + services().settings.max_waiting_requests)
    submits = [make_prompt_submit(wanted, prompt, card, current_caller()) for prompt in wanted.prompts]
    blame = grammar_param(wanted.output_format)
    generation = Generation(model, submits, client_watch(), prompt_param="prompt", grammar_param=blame)
    generation.start()
    head = {
        "id": f"cmpl-{secrets.token_hex(16)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model.spec.id,
        "system_fingerprint": card.system_fingerprint,
    }
    if wanted.stream:
        writer = CompletionChunkWriter(head, wanted, generation)
        return stream(generation, writer, services().settings.ping_seconds)
    with generation:
        choices = whole_choices(wanted, generation)
        return json_response({**head, "choices": choices, "usage": usage_object(generation.usage)})


def check_room(num_prompts: int, most: int) -> None:
    """Refuse more prompts than slots and queue hold: there will never be room for all of them at once."""
    if num_prompts > most:
        raise InvalidRequest(
            f"'prompt' has {num_prompts} prompts, but at most {most} can run and wait at once here.",
            param="prompt",
            code="invalid_value",
        )


def make_prompt_submit(wanted: CompletionRequest, prompt: Prompt, card: ModelCard, caller: Caller) -> Submit:
    ranks = wanted.best_of > wanted.n
    submit = make_submit(
        wanted,
        card,
        pieces=prompt_pieces(prompt, wanted.suffix, card) if isinstance(prompt, str) else None,
        token_ids=None if isinstance(prompt, str) else prompt,
        num_top_logprobs=0 if ranks and wanted.num_top_logprobs is None else wanted.num_top_logprobs,
        wants_prompt_text=wanted.echo and not isinstance(prompt, str),
        wants_prompt_logprobs=wanted.wants_prompt_logprobs,
        grammar=grammar_of(wanted.output_format),
        caller=caller,
    )
    return msgspec.structs.replace(submit, num_choices=wanted.best_of)


def prompt_pieces(prompt: str, suffix: str | None, card: ModelCard) -> list[TextPiece]:
    """The prompt, or the gap between prompt and suffix in the form that the model was trained to fill.

    Raises:
        UnsupportedParameter: if there is a suffix and the model cannot infill.
    """
    if suffix is None:
        return [TextPiece(prompt, parse_special=True)]
    if card.infill_spellings is None:
        raise UnsupportedParameter("suffix", f"the model '{card.model_id}' has no infill tokens.")
    before, after, middle = card.infill_spellings
    return [
        TextPiece(before, parse_special=True),
        TextPiece(prompt, parse_special=False),
        TextPiece(after, parse_special=True),
        TextPiece(suffix, parse_special=False),
        TextPiece(middle, parse_special=True),
    ]


class CompletionChunkWriter:
    """Writes `text_completion` chunks."""

    def __init__(self, head: dict[str, Any], wanted: CompletionRequest, generation: Generation) -> None:
        self._head = head
        self._echoes = echoes(wanted, generation)
        self._logprobs = choice_logprobs(wanted, generation)
        self._wants_usage = wanted.include_usage
        start = b"data: " + msgspec.json.encode(head)[:-1] + b',"choices":[{"index":'
        self._starts = [start + b'%d,"text":' % index for index in range(len(self._echoes))]

    def opening(self) -> bytes:
        """The echoed prompts; or a comment, so that the headers leave now."""
        return b"".join(self._opening_chunks()) or sse.PING

    def delta(self, index: int, delta: Delta) -> bytes:
        columns = self._logprobs[index].columns(delta.logprobs) if delta.logprobs else None
        return self._chunk(index, delta.text, msgspec.json.encode(columns))

    def finish(self, index: int, finished: Finished) -> bytes:
        return self._chunk(index, "", reason=msgspec.json.encode(finished.finish_reason))

    def usage(self, usage: Usage) -> bytes:
        if not self._wants_usage:
            return b""
        return sse.event({**self._head, "choices": [], "usage": usage_object(usage)})

    def _opening_chunks(self) -> Iterator[bytes]:
        for index, echo in enumerate(self._echoes):
            first = self._logprobs[index].first()
            if echo or first:
                yield self._chunk(index, echo, msgspec.json.encode(first))

    def _chunk(self, index: int, text: str, logprobs: bytes = b"null", reason: bytes = b"null") -> bytes:
        end = b',"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}]}\n\n"
        return self._starts[index] + msgspec.json.encode(text) + end
