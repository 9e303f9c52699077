"""From requests to the engine's messages: defaults filled in, limits applied.

What a request leaves out comes from the model's own file where that recommends something, else from here. It does not
know how prompts are made.
"""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import msgspec

from schemas.completions import CompletionRequest, Prompt
from schemas.embeddings import EmbeddingRequest
from schemas.sampling import SamplingOptions
from server.answers.request import CacheHints, Caller, ChatRequest
from server.backends.local.structured_output import grammar_of
from server.chat.output.plan import OutputPlan
from server.errors.tree import UnsupportedParameter
from server.protocol.messages import Embed, ModelCard, Submit
from server.protocol.values import CachePolicy, QueueKey, SamplingParams, TextPiece

DEFAULT_SAMPLING: dict[str, Any] = {"temperature": 1.0, "top_p": 1.0, "top_k": 40, "min_p": 0.05}
"""OpenAI's defaults for what OpenAI has; llama.cpp's for `top_k` and `min_p`, which keep small models on track."""

INTEGER_NAMES = {"top_k", "penalty_last_n", "mirostat"}
"""Sampling params that are whole numbers; a model's file recommends all of them as floats."""


def sampling_params(options: SamplingOptions, card: ModelCard) -> SamplingParams:
    """What the request says, else what the model's file recommends, else our defaults."""
    given = {name: value for name, value in dataclasses.asdict(options).items() if value is not None}
    merged = {**DEFAULT_SAMPLING, **card.default_sampling, **given}
    return SamplingParams(**merged | {name: int(merged[name]) for name in INTEGER_NAMES & merged.keys()})


def queue_key(caller: Caller, user: str | None) -> QueueKey:
    """Key of the place in the queue: users that a request names have turns of their own, among their caller's."""
    return QueueKey(caller.queue_key, user or "")


def chat_submit(
    request: ChatRequest, card: ModelCard, pieces: list[TextPiece], plan: OutputPlan, caller: Caller
) -> Submit:
    """The message for a conversation that has been rendered to `pieces`, whose output is planned."""
    return Submit(
        request_id=0,
        sampling=sampling_params(request.sampling, card),
        pieces=pieces,
        num_choices=request.num_choices,
        max_tokens=request.max_tokens,
        stop=list(request.stop),
        thoughts=plan.thoughts,
        ignore_eos=request.ignore_eos,
        num_top_logprobs=request.num_top_logprobs,
        shown_control_tokens=list(plan.shown_control_tokens),
        grammar=plan.grammar,
        queue_key=queue_key(caller, request.user),
        cache_scope=caller.cache_scope,
        cache_policy=cache_policy(request.cache),
    )


def completion_submits(wanted: CompletionRequest, card: ModelCard, caller: Caller) -> list[Submit]:
    """A message for each prompt.

    Raises:
        UnsupportedParameter: if there is a suffix and the model cannot infill.
        InvalidRequest: if the format that is asked for cannot be kept to.
    """
    ranks = wanted.best_of > wanted.n
    common = Submit(
        request_id=0,
        sampling=sampling_params(wanted.sampling, card),
        num_choices=wanted.best_of,
        max_tokens=wanted.max_tokens,
        stop=list(wanted.stop),
        ignore_eos=wanted.ignore_eos,
        grammar=grammar_of(wanted.output_format),
        # The best are found by their logprobs, whether those are shown or not.
        num_top_logprobs=0 if ranks and wanted.num_top_logprobs is None else wanted.num_top_logprobs,
        wants_prompt_logprobs=wanted.wants_prompt_logprobs,
        queue_key=queue_key(caller, wanted.user),
        cache_scope=caller.cache_scope,
    )
    return [_with_prompt(common, prompt, wanted, card) for prompt in wanted.prompts]


def embed_message(wanted: EmbeddingRequest, caller: Caller) -> Embed:
    """The message for texts of which vectors are wanted."""
    return Embed(
        request_id=0,
        texts=wanted.texts,
        token_ids=wanted.token_ids,
        dimensions=wanted.dimensions,
        queue_key=queue_key(caller, wanted.user),
    )


def cache_policy(hints: CacheHints) -> CachePolicy:
    """What hints mean for what is computed of a request; so does a conversation, and an answer that is stored."""
    return CachePolicy(
        conversation=hints.conversation_id or "",
        is_resumable=bool(hints.wanted.key) or hints.is_stored,
        retention=cast(Any, hints.wanted.retention or ""),
    )


def _with_prompt(common: Submit, prompt: Prompt, wanted: CompletionRequest, card: ModelCard) -> Submit:
    if not isinstance(prompt, str):
        return msgspec.structs.replace(common, token_ids=prompt, wants_prompt_text=wanted.echo)
    return msgspec.structs.replace(common, pieces=prompt_pieces(prompt, wanted.suffix, card))


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
