"""`POST /v1/completions`: raw prompts, as text or token ids, without a chat template.

The prompt is the model's whole input, so control tokens spelled in it are control tokens, as with every other server.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

import msgspec
from flask import Blueprint, Response

from schemas.completions import CompletionRequest, Prompt, load_completion
from server import sse
from server.api.services import client_watch, json_body, json_response, services
from server.api.streaming import stream
from server.api.usage import usage_object
from server.auth import current_caller
from server.engine.messages import Delta, Finished, ModelCard, Submit, TextPiece, TokenLogprob
from server.errors import UnsupportedParameter
from server.generation import Generation, Usage
from server.submission import Caller, make_submit

blueprint = Blueprint("completions", __name__, url_prefix="/v1/completions")


@blueprint.post("")
def create_completion() -> Response:
    wanted = load_completion(json_body())
    model = services().models.find(wanted.model)
    card = model.require_card()
    submits = [make_prompt_submit(wanted, prompt, card, current_caller()) for prompt in wanted.prompts]
    generation = Generation(model, submits, client_watch(), prompt_param="prompt")
    generation.start()
    head = {
        "id": f"cmpl-{secrets.token_hex(16)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model.spec.id,
        "system_fingerprint": card.system_fingerprint,
    }
    texts = CompletionTexts(wanted, generation)
    if wanted.stream:
        writer = CompletionChunkWriter(head, texts, wants_usage=wanted.include_usage)
        return stream(generation, writer, services().settings.ping_seconds)
    with generation:
        return json_response(completion(head, texts, generation))


def make_prompt_submit(wanted: CompletionRequest, prompt: Prompt, card: ModelCard, caller: Caller) -> Submit:
    return make_submit(
        wanted,
        card,
        pieces=prompt_pieces(prompt, wanted.suffix, card) if isinstance(prompt, str) else None,
        token_ids=None if isinstance(prompt, str) else prompt,
        num_top_logprobs=wanted.num_top_logprobs,
        wants_prompt_text=wanted.echo and not isinstance(prompt, str),
        caller=caller,
    )


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


class CompletionTexts:
    """The text of each choice in the making: what is echoed, and how far the text has come."""

    def __init__(self, wanted: CompletionRequest, generation: Generation) -> None:
        prompts = generation.prompt_texts
        texts = [prompt if isinstance(prompt, str) else prompts[i] for i, prompt in enumerate(wanted.prompts)]
        self.echoes = [text if wanted.echo else "" for text in texts for _ in range(wanted.n)]
        self._lengths = [len(echo) for echo in self.echoes]

    def logprobs(self, index: int, delta: Delta) -> dict[str, Any] | None:
        """The `logprobs` of a delta, which comes after all deltas of that choice before it."""
        offset = self._lengths[index]
        # By the tokens, not by the text: a part of the last token's text may still be held back.
        self._lengths[index] += sum(len(_token_text(token.token_bytes)) for token in delta.logprobs or ())
        return logprobs_object(delta.logprobs, offset) if delta.logprobs else None


def logprobs_object(logprobs: list[TokenLogprob], text_offset: int) -> dict[str, Any]:
    """OpenAI's `logprobs` of a completion choice whose text so far is `text_offset` characters long."""
    tokens = [_token_text(token.token_bytes) for token in logprobs]
    offsets = []
    for token in tokens:
        offsets.append(text_offset)
        text_offset += len(token)
    return {
        "tokens": tokens,
        "token_logprobs": [token.logprob for token in logprobs],
        "top_logprobs": [{_token_text(top): logprob for _, top, logprob in token.top} for token in logprobs],
        "text_offset": offsets,
    }


def _token_text(token_bytes: bytes) -> str:
    return token_bytes.decode(errors="replace")


def completion(head: dict[str, Any], texts: CompletionTexts, generation: Generation) -> dict[str, Any]:
    """Run a generation to its end, and the whole response for it."""
    choices: list[dict[str, Any]] = [
        {"text": echo, "index": index, "logprobs": None, "finish_reason": "stop"}
        for index, echo in enumerate(texts.echoes)
    ]
    for batch in generation.events():
        for index, event in batch:
            if isinstance(event, Finished):
                choices[index]["finish_reason"] = event.finish_reason
            else:
                _extend(choices[index], event.text, texts.logprobs(index, event))
    return {**head, "choices": choices, "usage": usage_object(generation.usage)}


def _extend(choice: dict[str, Any], text: str, logprobs: dict[str, Any] | None) -> None:
    choice["text"] += text
    if choice["logprobs"] is None:
        choice["logprobs"] = logprobs
    elif logprobs is not None:
        for name, values in logprobs.items():
            choice["logprobs"][name] += values


class CompletionChunkWriter:
    """Writes `text_completion` chunks."""

    def __init__(self, head: dict[str, Any], texts: CompletionTexts, wants_usage: bool) -> None:
        self._head = head
        self._texts = texts
        self._wants_usage = wants_usage
        start = b"data: " + msgspec.json.encode(head)[:-1] + b',"choices":[{"index":'
        self._starts = [start + b'%d,"text":' % index for index in range(len(texts.echoes))]

    def opening(self) -> bytes:
        """The echoed prompts; or a comment, so that the headers leave now."""
        return b"".join(self._chunk(i, echo) for i, echo in enumerate(self._texts.echoes) if echo) or sse.PING

    def delta(self, index: int, delta: Delta) -> bytes:
        return self._chunk(index, delta.text, msgspec.json.encode(self._texts.logprobs(index, delta)))

    def finish(self, index: int, finished: Finished) -> bytes:
        return self._chunk(index, "", reason=msgspec.json.encode(finished.finish_reason))

    def usage(self, usage: Usage) -> bytes:
        if not self._wants_usage:
            return b""
        return sse.event({**self._head, "choices": [], "usage": usage_object(usage)})

    def _chunk(self, index: int, text: str, logprobs: bytes = b"null", reason: bytes = b"null") -> bytes:
        end = b',"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}]}\n\n"
        return self._starts[index] + msgspec.json.encode(text) + end
