"""A request as the engine holds it, and a sequence: one generation in progress.

Neither knows llama.cpp, sockets or the other sequences. The state of a sequence follows from its slot and its tokens,
so there is no second copy of that knowledge to go stale.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from collections.abc import Sequence as ReadOnlySequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from server.engine.stats import Timing
from server.protocol.values import CachePolicy, QueueKey, SamplingParams, Thoughts, TokenLogprob

if TYPE_CHECKING:
    from server.engine.detokenizer import Detokenizer
    from server.engine.grammar.constraint import CompiledGrammar, Constraint
    from server.engine.kv.cache import Slot
    from server.engine.sampling.sampler import RepetitionRule, Sampler


@dataclass(frozen=True, eq=False)
class Request:
    """A client's request, tokenized and known to fit. Compared by identity."""

    owner: Hashable
    """Receiver of its events; opaque here."""
    request_id: int
    prompt: ReadOnlySequence[int]
    max_tokens: int
    """Most tokens of one completion; with the prompt they never exceed the context."""
    sampling: SamplingParams = field(default_factory=SamplingParams)
    num_choices: int = 1
    stop: tuple[str, ...] = ()
    thoughts: Thoughts | None = None
    """Where stop strings do not count."""
    ignore_eos: bool = False
    grammar: CompiledGrammar | None = None
    dry_rule: RepetitionRule | None = None
    num_top_logprobs: int | None = None
    wants_prompt_logprobs: bool = False
    """Whether the prompt is scored. Then nothing of it can come from a cache, where no logits are kept."""
    queue_key: QueueKey = field(default_factory=QueueKey)
    """Names the queue in which it waits; queues are served in rotation."""
    cache_scope: str = ""
    cache_policy: CachePolicy = field(default_factory=CachePolicy)
    shown_tokens: Mapping[int, bytes] = field(default_factory=dict)
    """Control tokens that are written out, with the bytes written for them."""
    arrived: float = field(default_factory=time.perf_counter)
    """Time at which the engine heard of it, in seconds of `time.perf_counter`."""


@dataclass(eq=False)
class Sequence:
    """One choice of a request.

    tokens: [ prompt ................ | completion ... ]
            [ computed, in the slot ........ | uncomputed ]
    """

    request: Request
    choice: int
    make_sampler: Callable[[], Sampler]
    """Makes the sampler when the first token is due. Thousands may wait, and each sampler holds native memory."""
    detokenizer: Detokenizer
    tokens: list[int] = field(init=False)
    slot: Slot | None = None
    num_cached_tokens: int = 0
    scorer: Sequence | None = None
    """The first choice of the request, if that scores the prompt for this one."""
    num_scored_tokens: int = 0
    """Number of the prompt's tokens after which the logprob of the next one has been said."""
    held_logprobs: list[TokenLogprob] = field(default_factory=list)
    """Logprobs of tokens whose text is still held back."""
    timing: Timing = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = list(self.request.prompt)
        self.timing = Timing(self.request.arrived)

    @cached_property
    def sampler(self) -> Sampler:
        return self.make_sampler()

    @cached_property
    def constraint(self) -> Constraint | None:
        return None if self.request.grammar is None else self.request.grammar.constraint()

    @property
    def awaits_grammar(self) -> bool:
        """Whether its grammar has yet to say what may come next, or whether anything may."""
        constraint = self.__dict__.get("constraint")
        return constraint is not None and constraint.is_awaited

    def close(self) -> None:
        if "sampler" in self.__dict__:
            self.sampler.close()

    @property
    def num_prompt_tokens(self) -> int:
        return len(self.request.prompt)

    @property
    def num_completion_tokens(self) -> int:
        return len(self.tokens) - len(self.request.prompt)

    @property
    def num_computed_tokens(self) -> int:
        return 0 if self.slot is None else len(self.slot.tokens)

    @property
    def num_uncomputed_tokens(self) -> int:
        return len(self.tokens) - self.num_computed_tokens

    @property
    def scores_prompt(self) -> bool:
        """Whether logprobs of its prompt are wanted of it, for all choices of its request."""
        return self.request.wants_prompt_logprobs and self.scorer is None

    @property
    def awaits_score(self) -> bool:
        """Whether its prompt is not scored yet: what it says comes after that."""
        return self.scorer is not None and self.scorer.num_scored_tokens < self.num_prompt_tokens

    @property
    def is_prefilling(self) -> bool:
        """Whether more than one token is to be computed; one is what a decode step computes."""
        return self.num_uncomputed_tokens > 1

    @property
    def num_tokens_left(self) -> int:
        """Number of tokens that may still be generated."""
        return self.request.max_tokens - self.num_completion_tokens

    @property
    def reusable_tokens(self) -> list[int]:
        """The tokens that need not be computed if another sequence has them in common."""
        return self.tokens[:1] if self.scores_prompt else self.tokens

    @property
    def has_spent_max_tokens(self) -> bool:
        return self.num_tokens_left <= 0
