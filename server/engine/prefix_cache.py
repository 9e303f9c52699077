"""Which slot a prompt should go to, and how much of it need not be computed again.

Looks only at the tokens that slots hold. It does not know requests, clocks or llama.cpp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.engine.kv_cache import KVCache, Slot

MIN_COPIED_TOKENS = 64
"""A shorter prefix is computed again: copying a slot moves its whole buffer, which costs about as much."""


@dataclass(frozen=True)
class Placement:
    """Where a prompt goes: into `slot`, which keeps or receives the first `length` tokens that `source` holds."""

    slot: Slot
    source: Slot | None
    length: int


def common_prefix_length(left: Sequence[int], right: Sequence[int]) -> int:
    """How many leading tokens two sequences share; comparing slices keeps the loop in C."""
    low, high = 0, min(len(left), len(right))
    if left[:high] == right[:high]:
        return high
    while low + 1 < high:  # left[:low] == right[:low] and left[:high] != right[:high]
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low


class PrefixCache:
    """Finds reusable prefixes in the slots of a KV cache, within one cache scope."""

    def __init__(self, kv_cache: KVCache) -> None:
        self._kv_cache = kv_cache

    def place(self, prompt: list[int], scope: str) -> Placement | None:
        """Choose a free slot for a prompt, and what to reuse; None if no slot is free.

        The last token of a prompt is always computed, since its logits are needed.
        """
        free = self._kv_cache.free_slots
        if not free:
            return None
        lengths = {slot.index: self._match(prompt, scope, slot) for slot in self._kv_cache.slots}
        best = max(self._kv_cache.slots, key=lambda slot: (lengths[slot.index], not slot.is_busy, slot.index))
        best_free = max(free, key=lambda slot: lengths[slot.index])
        kept = lengths[best_free.index]
        if 0 < len(best_free.tokens) <= 2 * kept and lengths[best.index] - kept < MIN_COPIED_TOKENS:
            return Placement(best_free, best_free, kept)
        return self._place_beside(best, free, lengths[best.index])

    def apply(self, placement: Placement, scope: str) -> int:
        """Carry a placement out. Returns the number of tokens that the slot then holds."""
        slot, source = placement.slot, placement.source
        slot.scope = scope
        if source is None:
            self._kv_cache.clear(slot)
        elif source is slot:
            self._kv_cache.trim(slot, placement.length)
        else:
            self._kv_cache.copy(source, slot, placement.length)
        return len(slot.tokens)

    def _place_beside(self, best: Slot, free: list[Slot], length: int) -> Placement:
        """Take the free slot that was unused longest, sparing the one we copy from as long as there is another."""
        oldest = min(free, key=lambda slot: (slot is best, bool(slot.tokens), slot.last_used))
        if oldest is best and length:
            return Placement(oldest, oldest, length)
        return Placement(
            oldest, best if length >= MIN_COPIED_TOKENS else None, length if length >= MIN_COPIED_TOKENS else 0
        )

    @staticmethod
    def _match(prompt: list[int], scope: str, slot: Slot) -> int:
        if slot.scope != scope:
            return 0
        return min(common_prefix_length(prompt, slot.tokens), len(prompt) - 1)
