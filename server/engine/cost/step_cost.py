"""The work on prompts that fits into a step on this machine with this model, learned from the steps themselves.

Knows amounts of work (see `chunk_cost`) and durations. It does not know sequences, clocks or what the steps were for.
"""

from __future__ import annotations

from server.engine.cost.chunk_cost import ChunkCost
from server.engine.cost.pass_cost import PassCost

FIRST_PREFILL_TOKENS = 32
"""Tokens of the first chunk, while its cost is still unknown."""

FIRST_PREFILL_TOKENS_GPU = 512
"""Tokens of the first chunk on a GPU."""

SAVING_SECONDS_GPU = 0.005
"""Seconds that saving and restoring a state of a GPU takes together, however short it is: it moves layer by layer, and
nothing is computed meanwhile."""

MIN_PREFILL_TOKENS = 16
"""Least tokens of a chunk; with fewer, a prompt would wait for ever behind running sequences."""

MAX_DECODE_SHARE = 0.07
"""Share of the steps of a long prompt that decoding may take before they may take longer. A token of everybody else in
each of these steps delays the prompt."""

MAX_LONG_STRETCH = 2.4
"""Multiple of their time that the steps of a long prompt may take at most for that reason."""

MAX_CROWDED_STRETCH = 3.0
"""Multiple of its time that a step may take for prompts that share a pass, while more sequences wait than there are
slots. Those that wait for a slot wait longest, and every pass that is spared helps them."""

MAX_GROWTH = 4.0
"""Multiple of the most work of any step so far that prompts may get. The cost of many tokens is a guess if only few
have been seen."""

MIN_LEARNED_SHARE = 0.1
"""Least share of a step with prompts in it that is counted as theirs, whatever decoding is thought to take."""

MIN_PREFILL_SHARE = 0.25
"""Least share of a step's time, or of decoding's if longer, that prompts get even where decoding fills the step."""


class StepCost:
    """Sizes the work on prompts so that a step stays within a time.

    A step is taken to last as long as one pass for the sequences that decode and the passes for chunks of prompts.
    """

    def __init__(self, max_step_seconds: float, max_idle_step_seconds: float, is_on_gpu: bool = False) -> None:
        self._max_step_seconds = max_step_seconds
        self._max_idle_step_seconds = max(max_step_seconds, max_idle_step_seconds)
        self._first_prefill_tokens = FIRST_PREFILL_TOKENS_GPU if is_on_gpu else FIRST_PREFILL_TOKENS
        self._saving_seconds = SAVING_SECONDS_GPU if is_on_gpu else 0.0
        self.passes = PassCost(may_split=not is_on_gpu)
        self.chunks = ChunkCost()
        self._most_work = self._first_prefill_tokens / MAX_GROWTH

    def prompt_work(self, num_decoding: int) -> float:
        """Work on prompts that fits, in one pass, into the next step beside `num_decoding` sequences."""
        if not self.chunks.is_known:
            return self._first_prefill_tokens
        return self._work_in(self._max_step_seconds if num_decoding else self._max_idle_step_seconds, num_decoding)

    def long_prompt_work(self, num_decoding: int) -> float:
        """Work that fits into the next step if all of it is for a prompt that needs several steps."""
        if not self.chunks.is_known or not num_decoding:
            return self.prompt_work(num_decoding)
        wanted = self._decode_seconds(num_decoding) / MAX_DECODE_SHARE
        longest = MAX_LONG_STRETCH * self._max_step_seconds
        return self._work_in(min(max(self._max_step_seconds, wanted), longest), num_decoding)

    @property
    def crowded_work(self) -> float:
        """Most work of a step, decoding included, for prompts that share a pass in a crowd; 0 while it is unknown."""
        if not self.chunks.is_known:
            return 0.0
        return min(self.chunks.work_in(MAX_CROWDED_STRETCH * self._max_step_seconds), MAX_GROWTH * self._most_work)

    def is_worth_saving(self, num_tokens: int) -> bool:
        """Whether computing `num_tokens` tokens again, beside others, takes longer than saving and restoring them."""
        return self.chunks.seconds(0, num_tokens) >= self._saving_seconds

    def decode_work(self, num_decoding: int) -> float:
        """Work on prompts that takes the time in which `num_decoding` sequences decode; 0 while it is unknown."""
        return self.chunks.work_in(self._decode_seconds(num_decoding), num_passes=0) if self.chunks.is_known else 0.0

    def learn_prefill(self, num_decoding: int, num_passes: int, num_tokens: int, work: float, seconds: float) -> None:
        """Account for a step of `seconds` in which `num_tokens` tokens of prompts took `num_passes` passes."""
        self._most_work = max(self._most_work, work)
        of_prompts = max(seconds - self._decode_seconds(num_decoding), MIN_LEARNED_SHARE * seconds)
        self.chunks.learn(num_passes, num_tokens, work, of_prompts)

    def _work_in(self, step_seconds: float, num_decoding: int) -> float:
        decode_seconds = self._decode_seconds(num_decoding)
        seconds_left = max(step_seconds - decode_seconds, MIN_PREFILL_SHARE * max(step_seconds, decode_seconds))
        work = min(self.chunks.work_in(seconds_left), MAX_GROWTH * self._most_work)
        return max(MIN_PREFILL_TOKENS, work)

    def _decode_seconds(self, num_decoding: int) -> float:
        """Seconds of a pass for `num_decoding` sequences. Rows never seen are taken for tokens of a prompt."""
        if not num_decoding:
            return 0.0
        seconds = self.passes.seconds(num_decoding, self.chunks.seconds(0, 1))
        return self.chunks.seconds(1, num_decoding) if seconds is None else seconds
