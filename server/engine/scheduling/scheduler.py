"""Who gets a slot, and what each step computes.

It knows sequences and slots. It does not know llama.cpp, sampling or clocks.
"""

from __future__ import annotations

from itertools import islice

from server.engine.cost.step_cost import StepCost
from server.engine.kv.cache import IntegrityError, KVCache
from server.engine.kv.prefix_cache import PrefixCache
from server.engine.kv.prefix_index import common_prefix_length
from server.engine.kv.tiers import Tiers
from server.engine.passes import in_fastest_passes, runs
from server.engine.scheduling.chunking import Chunk, Chunking, make_chunk
from server.engine.scheduling.slot_order import WORTH_STEPS, SlotOrder
from server.engine.scheduling.waiting_queue import WaitingQueue
from server.engine.sequence import Request, Sequence
from server.engine.speculation.speculation import Speculation

MIN_AWAITED_TOKENS = 64
"""Least tokens in common with a prompt that is being read for which another prompt waits to copy them."""


class Scheduler:
    """Admits sequences to slots and cuts the next step's batch from them."""

    def __init__(
        self,
        kv_cache: KVCache,
        tiers: Tiers,
        waiting: WaitingQueue,
        step_cost: StepCost,
        speculation: Speculation,
        chunking: Chunking,
    ) -> None:
        self._chunking = chunking
        self._kv_cache = kv_cache
        self._tiers = tiers
        self._prefix_cache = PrefixCache(kv_cache, tiers)
        self._step_cost = step_cost
        self._speculation = speculation
        self._slot_order = SlotOrder(kv_cache, step_cost.passes)
        self._step = 0
        self._awaited: dict[Sequence, tuple[Sequence, int]] = {}
        """The running sequence that a waiting one waits for, and the number of tokens that both begin with."""
        self.waiting = waiting
        self.running: list[Sequence] = []
        self.waits_for_disk = False
        """Whether all waiting sequences wait for the disk: then there is nothing to compute until it has been read."""

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
    def awaiting_grammar(self) -> list[Sequence]:
        """Running sequences that are not in the next step, since their grammar has not said what may come next."""
        return [sequence for sequence in self.running if sequence.awaits_grammar]

    def schedule(self) -> list[Chunk]:
        """Give slots to waiting sequences while there are any, and choose what this step computes."""
        self._step += 1
        self._tiers.poll()
        while self._admit_next():
            pass
        self.waits_for_disk = not self.running and len(self.waiting) > 0
        return self._cut_chunks()

    def learn(self, chunks: list[Chunk], seconds: float) -> None:
        """Learn what passes cost from a step of these chunks, which took `seconds`."""
        passes = [(run[0].is_prefill, sum(len(chunk.tokens) for chunk in run)) for run in runs(chunks)]
        prefills = [num_tokens for is_prefill, num_tokens in passes if is_prefill]
        if prefills:
            num_decoding = sum(not chunk.is_prefill for chunk in chunks)
            work = sum(self._chunking.work(chunk) for chunk in chunks if chunk.is_prefill)
            self._step_cost.learn_prefill(num_decoding, len(prefills), sum(prefills), work, seconds)
        else:
            self._step_cost.passes.learn([num_tokens for _, num_tokens in passes], seconds)

    def finish(self, sequence: Sequence) -> None:
        """Take a sequence out of the queue or of its slot, where its tokens stay for others that share the prefix."""
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
        """Check that every slot is free and holds what our account says. Only while there is nothing to do.

        Raises:
            IntegrityError: naming the slot.
        """
        for slot in self._kv_cache.slots:
            if slot.is_busy:
                raise IntegrityError(f"slot {slot.index} is busy, but nothing runs")
        self._kv_cache.check()

    def _admit_next(self) -> bool:
        """Give one waiting sequence a slot; False if none can have one now."""
        if not self.waiting or not self._kv_cache.free_slots:
            return False
        num_slots_left = len(self._kv_cache.free_slots)
        for sequence in list(islice(self.waiting.in_order(), 2 * len(self._kv_cache.slots))):
            request = sequence.request
            if sequence.awaits_score or self._is_known_to_wait(sequence):
                continue
            placement = self._prefix_cache.place(sequence.reusable_tokens, request.cache_scope)
            if placement is None or num_slots_left == 0:
                return False
            if self._is_being_computed(sequence, placement.length):
                continue
            if not self._prefix_cache.is_at_hand(placement):
                num_slots_left -= 1  # it will need a slot very soon
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
        """Whether a running prefill is about to compute more of this prompt than is cached, so that it waits for it."""
        tokens = sequence.reusable_tokens
        for other in self.running:
            if other.is_prefilling and other.request.cache_scope == sequence.request.cache_scope:
                shared = min(common_prefix_length(other.tokens, tokens), len(tokens) - 1)
                if shared >= MIN_AWAITED_TOKENS and shared > max(num_cached, other.num_computed_tokens):
                    self._awaited[sequence] = other, shared
                    return True
        return False

    def _is_known_to_wait(self, sequence: Sequence) -> bool:
        """Whether a sequence waits for another one, as known from when their prompts were compared, which takes
        time."""
        if sequence not in self._awaited:
            return False
        other, shared = self._awaited[sequence]
        return other.slot is not None and other.is_prefilling and other.num_computed_tokens < shared

    def _cut_chunks(self) -> list[Chunk]:
        """A token of every decoding sequence; then chunks of prompts, as far as the step's time goes, or guesses."""
        num_preemptions = self._kv_cache.num_preemptions
        decoding, prefilling = self._by_stage()
        if prefilling:
            self._close_gaps(decoding, num_steps=1)  # the prompt in a gap may be done then
        else:
            self._close_gaps(self.running)
        if self._kv_cache.num_preemptions > num_preemptions:
            decoding, prefilling = self._by_stage()
        if prefilling:
            chunks = [make_chunk(sequence, 1) for sequence in decoding]
            chunks += self._chunking.cut(prefilling, len(decoding), self._is_crowded)
        else:
            drafts = self._speculation.draft(decoding)
            chunks = [make_chunk(sequence, 1, drafts.get(sequence, ())) for sequence in decoding]
        return in_fastest_passes(chunks, self._step_cost.passes)

    def _by_stage(self) -> tuple[list[Sequence], list[Sequence]]:
        """Running sequences in the next step: those that decode, and those whose prompts are read."""
        ready = [sequence for sequence in self.running if not sequence.awaits_grammar]
        prefilling = [sequence for sequence in ready if sequence.is_prefilling]
        return [sequence for sequence in ready if not sequence.is_prefilling] if prefilling else ready, prefilling

    @property
    def _is_crowded(self) -> bool:
        """Whether more sequences wait for a slot than there are slots."""
        return len(self.waiting) > len(self._kv_cache.slots)

    def _close_gaps(self, sequences: list[Sequence], num_steps: int = WORTH_STEPS) -> None:
        self._slot_order.close_gaps([sequence.slot for sequence in sequences if sequence.slot is not None], num_steps)
