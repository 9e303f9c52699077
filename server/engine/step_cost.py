"""How much of prompts fits into a step on this machine with this model, learned from the steps themselves.

Knows amounts of work (see `chunk_cost`) and durations; it does not know sequences, clocks or what the steps were for.
"""

from __future__ import annotations

from server.engine.chunk_cost import ChunkCost
from server.engine.pass_cost import PassCost

FIRST_PREFILL_TOKENS = 32
FIRST_PREFILL_TOKENS_GPU = 512
"""Size of the first chunk, while its cost is still unknown."""

MIN_PREFILL_TOKENS = 16
"""A smaller chunk would make a prompt wait for ever behind running sequences."""

MIN_PREFILL_SHARE = 0.25
"""Prompts get this share of a step's time, and of what decoding takes, even where decoding alone fills the step."""


class StepCost:
    """Sizes prefill chunks so that a step stays within a time.

    A step is taken to last as long as a pass for the sequences that decode and passes for chunks of prompts.
    """

    def __init__(self, max_step_seconds: float, max_idle_step_seconds: float, is_on_gpu: bool = False) -> None:
        self._max_step_seconds = max_step_seconds
        self._max_idle_step_seconds = max(max_step_seconds, max_idle_step_seconds)
        self._first_prefill_tokens = FIRST_PREFILL_TOKENS_GPU if is_on_gpu else FIRST_PREFILL_TOKENS
        self.passes = PassCost(may_split=not is_on_gpu)
        self.chunks = ChunkCost()

    def prompt_work(self, num_decoding: int) -> float:
        """How much work on prompts fits, in one pass, into the next step beside `num_decoding` sequences."""
        if not self.chunks.is_known:
            return self._first_prefill_tokens
        target = self._max_step_seconds if num_decoding else self._max_idle_step_seconds
        decode_seconds = self._decode_seconds(num_decoding)
        seconds_left = max(target - decode_seconds, MIN_PREFILL_SHARE * max(target, decode_seconds))
        return max(MIN_PREFILL_TOKENS, self.chunks.work_in(seconds_left))

    def decode_work(self, num_decoding: int) -> float:
        """How much work on prompts could be done while so many sequences decode; 0 while it is unknown."""
        return self.chunks.work_in(self._decode_seconds(num_decoding), num_passes=0) if self.chunks.is_known else 0.0

    def learn_prefill(self, num_decoding: int, num_passes: int, num_tokens: int, work: float, seconds: float) -> None:
        """Account for a step of `seconds` in which `num_tokens` tokens of prompts took `num_passes` passes."""
        of_prompts = seconds - self._decode_seconds(num_decoding)
        self.chunks.learn(num_passes, num_tokens, work, max(of_prompts, 1e-6))

    def _decode_seconds(self, num_decoding: int) -> float:
        return (self.passes.seconds(num_decoding) or 0.0) if num_decoding else 0.0
