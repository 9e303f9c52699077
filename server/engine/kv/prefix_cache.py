"""Which slot a prompt should go to, and how much of it need not be computed again.

Looks at the tokens in the slots and in the tiers behind them. It does not know requests or llama.cpp.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from server.engine.kv.cache import KVCache, Slot
from server.engine.kv.prefix_index import common_prefix_length
from server.engine.kv.tiers import MIN_SAVED_TOKENS, Found, Tiers
from server.engine.kv.transfer import Transfer
from server.protocol.values import CachePolicy

NO_POLICY = CachePolicy()

MIN_COPIED_TOKENS = 16
"""Least tokens of a prefix that is copied rather than computed. On a CPU, copying takes a thousandth of computing."""


@dataclass(frozen=True)
class Placement:
    """Where a prompt goes: into `slot`, which keeps or receives the first `length` tokens that `source` holds."""

    slot: Slot
    source: Slot | Found | None
    length: int


class PrefixCache:
    """Finds reusable prefixes in the slots of a KV cache and in the tiers behind them, within one cache scope."""

    def __init__(self, kv_cache: KVCache, tiers: Tiers) -> None:
        self._kv_cache = kv_cache
        self._tiers = tiers
        self._copying = Transfer()
        """Seconds of copies between slots, by tokens."""

    def place(self, prompt: list[int], scope: str) -> Placement | None:
        """Choose a free slot for a prompt, and what to reuse; None if no slot is free.

        The last token of a prompt is always computed, since its logits are needed.
        """
        free = self._kv_cache.free_slots
        if not free:
            return None
        placement = self._place_among_slots(prompt, scope, free)
        found = self._tiers.find(prompt, scope, placement.length)
        return Placement(_oldest(free), found, found.length) if found else placement

    def is_at_hand(self, placement: Placement) -> bool:
        """Whether a placement can be carried out now; if not, the state that it needs is being read from disk."""
        return not isinstance(placement.source, Found) or self._tiers.is_at_hand(placement.source)

    def apply(self, placement: Placement, scope: str, policy: CachePolicy = NO_POLICY) -> int:
        """Carry a placement out. Returns the number of tokens that the slot then holds."""
        slot, source = placement.slot, placement.source
        if isinstance(source, Found):
            num_held = self._tiers.restore(source, slot)
        else:
            self._tiers.keep(slot, placement.length if source is slot else 0)
            num_held = self._fill(slot, source, placement.length)
            self._tiers.stats.slot_hit_tokens += num_held
        slot.scope, slot.policy = scope, policy
        return num_held

    def _place_among_slots(self, prompt: list[int], scope: str, free: list[Slot]) -> Placement:
        lengths = {slot.index: self._match(prompt, scope, slot) for slot in self._kv_cache.slots}
        best = max(self._kv_cache.slots, key=lambda slot: (lengths[slot.index], self._readiness(slot), slot.index))
        best_free = max(free, key=lambda slot: lengths[slot.index])
        kept = lengths[best_free.index]
        if not self._is_worth_copying(best, lengths[best.index] - kept) and self._may_cut(best_free, kept, free):
            return Placement(best_free, best_free, kept)
        return self._place_beside(best, free, lengths[best.index])

    def _readiness(self, slot: Slot) -> tuple[bool, int]:
        """Sort key of slots that hold equally much of a prompt, the best source last.

        A free slot may do without a copy. Among others, the best is the one from which less is to be moved.
        """
        is_saved = slot is self._kv_cache.last_copied
        return not slot.is_busy, -len(slot.tokens) * (1 if is_saved else 2)

    def _may_cut(self, slot: Slot, kept: int, free: list[Slot]) -> bool:
        """Whether to give up a slot's tokens behind the first `kept` ones, rather than use another slot."""
        has_long_tail = len(slot.tokens) - kept >= MIN_SAVED_TOKENS
        return 0 < len(slot.tokens) <= 2 * kept and not (has_long_tail and any(not other.tokens for other in free))

    def _place_beside(self, best: Slot, free: list[Slot], length: int) -> Placement:
        """Choose the free slot that was unused longest, sparing the source of the copy as long as there is another."""
        oldest = _oldest([slot for slot in free if slot is not best] or [best])
        if oldest is best and length:
            return Placement(oldest, oldest, length)
        return Placement(oldest, best, length) if self._is_worth_copying(best, length) else Placement(oldest, None, 0)

    def _is_worth_copying(self, source: Slot, num_spared: int) -> bool:
        """Whether copying a slot, which moves all that it holds, is faster than computing the tokens that it spares."""
        per_token = self._tiers.seconds_per_token()
        return num_spared >= MIN_COPIED_TOKENS and (
            per_token is None or self._copying.seconds(len(source.tokens)) < num_spared * per_token
        )

    def _match(self, prompt: list[int], scope: str, slot: Slot) -> int:
        if slot.scope != scope:
            return 0
        length = min(common_prefix_length(prompt, slot.tokens), len(prompt) - 1)
        return length if self._kv_cache.can_keep(slot, length) else 0

    def _fill(self, slot: Slot, source: Slot | None, length: int) -> int:
        if source is slot:
            return self._kv_cache.trim(slot, length)
        if source is None:
            self._kv_cache.clear(slot)
            return 0
        started = time.perf_counter()
        num_held = self._kv_cache.copy(source, slot, length)
        self._copying.learn(len(source.tokens), time.perf_counter() - started)
        return num_held


def _oldest(slots: list[Slot]) -> Slot:
    """An empty slot, or the one that was unused longest."""
    return min(slots, key=lambda slot: (bool(slot.tokens), slot.last_used))
