"""What becomes of the tokens in a slot that must make room, and where a prompt's tokens are found again.

    slot  --save-->  host memory        within a budget of bytes; least recently used leaves first
          <-restore-

Decides what is worth saving and restoring. It does not know requests, queues or which slot is chosen.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.engine.kv_cache import KVCache, Slot
from server.engine.kv_stats import KVStats
from server.engine.kv_store import SavedState, StateStore

MIN_SAVED_TOKENS = 64
"""Fewer are computed again."""


@dataclass(frozen=True)
class Found:
    """A saved state, of which the first `length` tokens are a prompt's."""

    state: SavedState
    length: int


class Tiers:
    """The tiers behind the slots of a KV cache. With a budget of 0 bytes, nothing is kept and nothing is found."""

    def __init__(self, kv_cache: KVCache, max_ram_bytes: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.stats = KVStats()
        self._kv_cache = kv_cache
        self._is_off = max_ram_bytes == 0
        self._store = StateStore(max_ram_bytes, kv_cache.can_trim, self.stats, clock)

    def find(self, prompt: Sequence[int], scope: str, num_held: int) -> Found | None:
        """The saved state that spares the most tokens of a prompt, if it is worth it beside `num_held` in slots.

        The last token of a prompt is always computed, since its logits are needed.
        """
        if self._is_off or len(prompt) - 1 < num_held + MIN_SAVED_TOKENS:
            return None
        found = self._store.find(array("i", prompt[:-1]), scope)
        if found is None or found[1] < num_held + MIN_SAVED_TOKENS:
            return None
        return Found(*found)

    def keep(self, slot: Slot, num_kept: int) -> None:
        """Save the slot before all but its first `num_kept` tokens are lost, if nothing else has them."""
        if self._is_off or len(slot.tokens) - num_kept < MIN_SAVED_TOKENS or self._is_held_elsewhere(slot):
            return
        data = self._kv_cache.save(slot)
        self.stats.num_saves += 1
        self._store.add(
            SavedState(
                scope=slot.scope,
                tokens=array("i", slot.tokens),
                num_bytes=data.nbytes,
                cache_hint=slot.cache_hint,
                stays_off_disk=slot.stays_off_disk,
                data=data,
            )
        )

    def restore(self, found: Found, slot: Slot) -> int:
        """Put a saved state into a slot, saving what the slot holds. Returns how many tokens it holds then."""
        data = found.state.data
        assert data is not None
        self._store.touch(found.state)
        self.keep(slot, 0)
        num_restored = self._kv_cache.restore(slot, data, found.state.tokens, found.length)
        self.stats.num_restores += 1
        if not num_restored:
            self.stats.num_failed_restores += 1
            self._store.remove(found.state)
        elif self._kv_cache.can_trim and len(found.state.tokens) - found.length < MIN_SAVED_TOKENS:
            self._store.drop_data(found.state)  # the slot has it now
        return num_restored

    def _is_held_elsewhere(self, slot: Slot) -> bool:
        """Whether another slot, or host memory, has the tokens of this one, but for a few."""
        num_needed = len(slot.tokens) - MIN_SAVED_TOKENS
        found = self._store.find(array("i", slot.tokens), slot.scope)
        if found and found[0].data is not None and found[1] > num_needed:
            return True
        return self._kv_cache.can_trim and any(
            other is not slot and other.scope == slot.scope and other.tokens[:num_needed] == slot.tokens[:num_needed]
            for other in self._kv_cache.slots
        )
