"""Who gets a slot, and what each step computes.

It knows sequences and slots; llama.cpp, sampling and clocks are other people's business.
"""

from __future__ import annotations

from collections.abc import Sequence as ReadOnlySequence
from dataclasses import dataclass
from itertools import islice

from server.engine.kv_cache import IntegrityError, KVCache
from server.engine.kv_tiers import Tiers
from server.engine.passes import in_fastest_passes
from server.engine.prefix_cache import PrefixCache
from server.engine.prefix_index import common_prefix_length
from server.engine.sequence import Request, Sequence
from server.engine.slot_order import SlotOrder
from server.engine.speculation import Speculation
from server.engine.step_cost import StepCost
from server.engine.waiting_queue import WaitingQueue

MIN_AWAITED_TOKENS = 64
"""For fewer tokens, a prompt does not wait until another one has computed them."""


CHUNK_ROWS = 16
"""A prompt is cut into multiples of this: kernels compute so many rows together, and each one left over by itself, for
the time of a whole pass over the weights."""

FIRST_COME_SHARE = 1 / 4
"""Of what prompts get in a step, the part of the one that has waited longest, so that shorter ones never starve it."""


@dataclass(frozen=True)
class Chunk:
    """A run of one sequence's tokens to compute in a step, at positions [start, start + len(tokens))."""

    sequence: Sequence
    slot_index: int
    tokens: list[int]
    start: int
    reaches_end: bool
    """Its last token, guesses aside, is the sequence's, so the next one can be sampled."""
    num_drafted: int = 0
    """So many of the last tokens are guesses."""

    @property
    def is_prefill(self) -> bool:
        return len(self.tokens) - self.num_drafted > 1

    @property
    def is_scored(self) -> bool:
        """It lies in a prompt whose logprobs are wanted."""
        return self.sequence.request.wants_prompt_logprobs and self.start < self.sequence.num_prompt_tokens

    @property
    def num_logits(self) -> int:
        """After how many of its last tokens the logits are needed: also after each guess, and before the first."""
        if self.is_scored:
            return len(self.tokens)
        return self.num_drafted + 1 if self.reaches_end else 0

    @property
    def num_prompt_tokens(self) -> int:
        """How many of the tokens are the prompt's."""
        return max(0, min(len(self.tokens), self.sequence.num_prompt_tokens - self.start))


class Scheduler:
    """Admits sequences to slots and cuts the next step's batch from them."""

    def __init__(
        self,
        kv_cache: KVCache,
        tiers: Tiers,
        waiting: WaitingQueue,
        step_cost: StepCost,
        speculation: Speculation,
        max_scored_tokens: int,
    ) -> None:
        """`max_scored_tokens` is how many logits a step may have besides one for each slot."""
        self._max_scored_tokens = max_scored_tokens
        self._kv_cache = kv_cache
        self._tiers = tiers
        self._prefix_cache = PrefixCache(kv_cache, tiers)
        self._step_cost = step_cost
        self._speculation = speculation
        self._slot_order = SlotOrder(kv_cache, step_cost.passes)
        self._step = 0
        self._awaited: dict[Sequence, tuple[Sequence, int]] = {}
        """Whom a waiting sequence waits for, and how many tokens the two have in common."""
        self.waiting = waiting
        self.running: list[Sequence] = []
        self.waits_for_disk = False
        """All that wait are waiting for the disk, so that there is nothing to compute until it has been read."""

    @property
    def has_work(self) -> bool:
        return bool(self.running) or len(self.waiting) > 0

    def submit(self, sequences: list[Sequence]) -> None:
        """Queue the sequences of one request.

        Raises:
            QueueFull: if too many wait already.
        """
        self.waiting.add(sequences, len(self._kv_cache.free_slots))

    @property
    def held(self) -> list[Sequence]:
        """Those that run, but not in the next step."""
        return [sequence for sequence in self.running if sequence.is_held]

    def schedule(self) -> list[Chunk]:
        """Admit whom there is room for, and choose what this step computes."""
        self._step += 1
        self._tiers.poll()
        while self._admit_next():
            pass
        self.waits_for_disk = not self.running and len(self.waiting) > 0
        return self._cut_chunks()

    def finish(self, sequence: Sequence) -> None:
        """Take a sequence out, wherever it is. Its tokens stay in the slot for those who share the prefix."""
        if sequence.slot is None:
            self.waiting.remove(sequence)
            self._awaited.pop(sequence, None)
        else:
            sequence.slot.is_busy = False
            sequence.slot.last_used = self._step
            self._tiers.release(sequence.slot)
            sequence.slot = None
            self.running.remove(sequence)
            self._speculation.forget(sequence)

    def sequences_of(self, request: Request) -> list[Sequence]:
        return [sequence for sequence in [*self.running, *self.waiting] if sequence.request is request]

    def check(self) -> None:
        """With nothing to do, every slot must be free and hold what we believe.

        Raises:
            IntegrityError: naming the slot.
        """
        for slot in self._kv_cache.slots:
            if slot.is_busy:
                raise IntegrityError(f"slot {slot.index} is busy, but nothing runs")
        self._kv_cache.check()

    def _admit_next(self) -> bool:
        """Give one waiting sequence a slot; False if nobody can have one now."""
        if not self.waiting or not self._kv_cache.free_slots:
            return False
        num_slots_left = len(self._kv_cache.free_slots)
        for sequence in list(islice(self.waiting.in_turn(), 2 * len(self._kv_cache.slots))):
            request = sequence.request
            if self._is_known_to_wait(sequence):
                continue
            placement = self._prefix_cache.place(sequence.reusable_tokens, request.cache_scope)
            if placement is None or num_slots_left == 0:
                return False
            if self._is_being_computed(sequence, placement.length):
                continue
            if not self._prefix_cache.is_at_hand(placement):
                num_slots_left -= 1  # it will need one very soon
                continue
            self.waiting.take(sequence)
            self._awaited.pop(sequence, None)
            sequence.num_cached_tokens = self._prefix_cache.apply(placement, request.cache_scope, request.cache_policy)
            sequence.slot = placement.slot
            sequence.slot.is_busy = True
            self.running.append(sequence)
            return True
        return False

    def _is_being_computed(self, sequence: Sequence, num_cached: int) -> bool:
        """A running prefill is about to compute more of this prompt than is cached: wait for it and copy."""
        tokens = sequence.reusable_tokens
        for other in self.running:
            if other.is_prefilling and other.request.cache_scope == sequence.request.cache_scope:
                shared = min(common_prefix_length(other.tokens, tokens), len(tokens) - 1)
                if shared >= MIN_AWAITED_TOKENS and shared > max(num_cached, other.num_computed_tokens):
                    self._awaited[sequence] = other, shared
                    return True
        return False

    def _is_known_to_wait(self, sequence: Sequence) -> bool:
        """What was found when its prompt was last compared with all the others, which takes time, still holds."""
        if sequence not in self._awaited:
            return False
        other, shared = self._awaited[sequence]
        return other.slot is not None and other.is_prefilling and other.num_computed_tokens < shared

    def _cut_chunks(self) -> list[Chunk]:
        """A token of every decoding sequence; then prompts, as far as the time goes, or guesses at more tokens."""
        decoding = [sequence for sequence in self.running if not sequence.is_prefilling and not sequence.is_held]
        prefilling = [sequence for sequence in self.running if sequence.is_prefilling]
        if not prefilling:
            self._slot_order.close_gap()
            drafts = self._speculation.draft(decoding)
            chunks = [_chunk(sequence, 1, drafts.get(sequence, ())) for sequence in decoding]
            return in_fastest_passes(chunks, self._step_cost.passes)
        chunks = [_chunk(sequence, 1) for sequence in decoding]
        chunks += self._cut_prompts(prefilling, self._step_cost.max_prefill_tokens(len(decoding)))
        return in_fastest_passes(chunks, self._step_cost.passes)

    def _cut_prompts(self, prefilling: list[Sequence], budget: int) -> list[Chunk]:
        """At most `budget` tokens of prompts, of those that have least left first: so most are done soonest."""
        num_scored = sum(sequence.request.wants_prompt_logprobs for sequence in prefilling)
        max_scored = max(1, self._max_scored_tokens // (num_scored or 1))
        first_come, kept = prefilling[0], max(CHUNK_ROWS, int(budget * FIRST_COME_SHARE))
        chunks = []
        for sequence in sorted(prefilling, key=lambda sequence: sequence.num_uncomputed_tokens):
            if sequence is first_come:
                kept = 0
            room = _whole_rows(budget - kept, sequence.num_uncomputed_tokens)
            if sequence.request.wants_prompt_logprobs:
                room = min(budget - kept, max_scored)
            if room > 0:
                chunks.append(_chunk(sequence, room))
                budget -= len(chunks[-1].tokens)
        return chunks


def _whole_rows(room: int, num_left: int) -> int:
    """How many of `num_left` tokens to compute where there is room for so many."""
    return num_left if room >= num_left else room // CHUNK_ROWS * CHUNK_ROWS


def _chunk(sequence: Sequence, max_tokens: int, draft: ReadOnlySequence[int] = ()) -> Chunk:
    assert sequence.slot is not None
    start = sequence.num_computed_tokens
    tokens = sequence.tokens[start : start + max_tokens]
    reaches_end = start + len(tokens) == len(sequence.tokens)
    return Chunk(sequence, sequence.slot.index, [*tokens, *draft], start, reaches_end, len(draft))
