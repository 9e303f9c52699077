"""From a request's options to the engine's message: defaults filled in, limits applied.

What a request leaves out comes from the model's own file where that recommends something, else from here. It does not
know how prompts are made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from schemas.prompt_cache import PromptCache
from schemas.sampling import SamplingOptions
from server.protocol.messages import CachePolicy, Grammar, ModelCard, SamplingParams, Submit, TextPiece

DEFAULT_SAMPLING: dict[str, Any] = {"temperature": 1.0, "top_p": 1.0, "top_k": 40, "min_p": 0.05}
"""OpenAI's defaults for what OpenAI has; llama.cpp's for `top_k` and `min_p`, which keep small models on track."""

INTEGER_NAMES = {"top_k", "penalty_last_n", "mirostat"}
"""Of what a model's file may recommend, all of which comes as floats."""


@dataclass(frozen=True)
class Caller:
    """For whom something is generated, as far as the engine has to know; `server.auth` says who that is."""

    turn_of: str
    """Whose turn it is in the queue."""
    cache_scope: str
    """Who else's cached prefixes may be used: those of the same scope."""


class GenerationOptions(Protocol):
    """What the endpoints' request dataclasses have in common."""

    @property
    def sampling(self) -> SamplingOptions: ...
    @property
    def max_tokens(self) -> int | None: ...
    @property
    def stop(self) -> tuple[str, ...]: ...
    @property
    def n(self) -> int: ...
    @property
    def ignore_eos(self) -> bool: ...
    @property
    def user(self) -> str | None: ...


def sampling_params(options: SamplingOptions, card: ModelCard) -> SamplingParams:
    """What the request says, else what the model's file recommends, else our defaults."""
    given = {name: value for name, value in dataclasses.asdict(options).items() if value is not None}
    merged = {**DEFAULT_SAMPLING, **card.default_sampling, **given}
    return SamplingParams(**merged | {name: int(merged[name]) for name in INTEGER_NAMES & merged.keys()})


def turn_of(caller: Caller, user: str | None) -> str:
    """Whose turn in the queue it is: users that a request names take turns of their own, among its caller's."""
    return f"{caller.turn_of}/{user}" if user else caller.turn_of


def make_submit(
    options: GenerationOptions,
    card: ModelCard,
    *,
    pieces: list[TextPiece] | None = None,
    token_ids: list[int] | None = None,
    num_top_logprobs: int | None = None,
    wants_prompt_text: bool = False,
    wants_prompt_logprobs: bool = False,
    shown_control_tokens: Sequence[str] = (),
    grammar: Grammar | None = None,
    caller: Caller,
    default_max_tokens: int | None = None,
    cache_policy: CachePolicy = CachePolicy(),  # noqa: B008
) -> Submit:
    """One prompt's message.

    Users that a request names take turns of their own, among those of its caller only. `default_max_tokens` bounds a
    completion whose request does not; with None, too, the context does.
    """
    return Submit(
        request_id=0,
        sampling=sampling_params(options.sampling, card),
        pieces=pieces or [],
        token_ids=token_ids,
        num_choices=options.n,
        max_tokens=default_max_tokens if options.max_tokens is None else options.max_tokens,
        stop=list(options.stop),
        ignore_eos=options.ignore_eos,
        num_top_logprobs=num_top_logprobs,
        wants_prompt_text=wants_prompt_text,
        wants_prompt_logprobs=wants_prompt_logprobs,
        shown_control_tokens=list(shown_control_tokens),
        grammar=grammar,
        user=turn_of(caller, options.user),
        cache_scope=caller.cache_scope,
        cache_policy=cache_policy,
    )


def cache_policy(wanted: PromptCache, *, is_stored: bool = False, conversation: str | None = None) -> CachePolicy:
    """What a request's hints mean for what is computed of it; so does a conversation, and a response that is stored."""
    return CachePolicy(
        conversation=conversation or "",
        is_resumable=bool(wanted.key) or is_stored,
        retention=cast(Any, wanted.retention or ""),
    )
