"""The tiers behind the slots: where tokens go when a slot must make room, and where a prompt finds them again.

    slot  --save-->  host memory  --write-->  disk        both in a budget of bytes; least recently used leaves first
          <-restore-              <--read---

Decides which states are worth saving, writing and restoring. A slot is also written when nobody has used it for a
moment, so that its tokens outlive the engine. Everything here runs on the engine's thread and never waits. It does not
know requests, queues or which slot is chosen.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.engine.kv.cache import KVCache, Slot, State
from server.engine.kv.disk import Disk, WasRead, WasWritten
from server.engine.kv.stats import KVStats
from server.engine.kv.store import SavedState, StateStore
from server.engine.kv.transfer import Transfer

MIN_SAVED_TOKENS = 32
"""Least tokens that are saved, written or restored; fewer are computed again."""

MIN_WRITTEN_SHARE = 1 / 16
"""Share of its tokens by which a state must have grown to be written anew; there is no such bound when the engine
ends."""

IDLE_SECONDS = 1.0
"""Seconds without use after which a slot is written."""

RETRY_SECONDS = 0.5
"""Seconds until the next look while the disk has enough to do."""

STAGED_SECONDS = 30.0
"""Seconds after which a state that was read from disk, but is not wanted any more, is dropped."""


@dataclass(frozen=True)
class Found:
    """A saved state whose first `length` tokens a prompt begins with."""

    state: SavedState
    length: int


class Tiers:
    """The tiers behind the slots of a KV cache. Without room in any of them, nothing is kept and nothing is found."""

    def __init__(
        self,
        kv_cache: KVCache,
        max_ram_bytes: int = 0,
        disk: Disk | None = None,
        seconds_per_token: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        is_worth_saving: Callable[[int], bool] = lambda num_tokens: True,
    ) -> None:
        """Load what is on disk.

        `seconds_per_token` returns the seconds that computing a token of a prompt takes; None while they are unknown.
        `is_worth_saving` returns whether a number of tokens is better saved than computed again.
        """
        self.stats = KVStats()
        self._kv_cache = kv_cache
        self._disk = disk
        self._is_off = max_ram_bytes == 0 and disk is None
        self._has_ram = max_ram_bytes > 0
        self.seconds_per_token = seconds_per_token
        self._clock = clock
        self._is_worth_saving = is_worth_saving
        self._store = StateStore(max_ram_bytes, kv_cache.can_trim, self.stats, clock)
        self._staged: dict[SavedState, tuple[State, float]] = {}
        """Data that was read from disk, and the time since which it has waited for a slot, by state."""
        self._idle_since: dict[Slot, float] = {}
        """Slots that may hold tokens without a file, with the time since which they are idle."""
        self._restoring, self._reading = Transfer(), Transfer()
        for state in disk.start() if disk else ():
            self._store.load(state)

    # --- a prompt comes ---------------------------------------------------------------------------------------------

    def find(self, prompt: Sequence[int], scope: str, num_held: int) -> Found | None:
        """The saved state that spares the most tokens of a prompt, if it is worth it beside the `num_held` tokens in a
        slot.

        The last token of a prompt is always computed, since its logits are needed.
        """
        if self._is_off or len(prompt) - 1 < num_held + MIN_SAVED_TOKENS:
            return None
        found = self._store.find(array("i", prompt[:-1]), scope, self._is_reachable)
        if found is None or found[1] < num_held + MIN_SAVED_TOKENS:
            return None
        return Found(*found) if self._is_faster(found[0], found[1] - num_held) else None

    def is_at_hand(self, found: Found) -> bool:
        """Whether the state can be restored now; if not, it is being read from disk."""
        if self._data_of(found.state) is not None:
            return True
        assert self._disk is not None
        self._disk.read(found.state)
        return False

    def restore(self, found: Found, slot: Slot) -> int:
        """Put a saved state into a slot, saving what the slot holds. Returns the number of tokens it then holds."""
        state, data = found.state, self._data_of(found.state)
        assert data is not None
        is_from_disk = self._staged.pop(state, None) is not None
        self._store.touch(state)
        self.keep(slot, 0)
        started = time.perf_counter()
        num_restored = self._kv_cache.restore(slot, data, state.tokens, found.length)
        self._restoring.learn(data.nbytes, time.perf_counter() - started)
        self._count_restored(num_restored, is_from_disk)
        if num_restored and self._kv_cache.can_trim and len(state.tokens) - found.length < MIN_SAVED_TOKENS:
            self._store.drop_data(state)  # the slot has it now
        elif not num_restored:
            self._store.forget(state)
        return num_restored

    # --- a slot makes room ------------------------------------------------------------------------------------------

    def release(self, slot: Slot) -> None:
        """Note that no sequence uses the slot any more, for now."""
        if self._disk:
            self._idle_since[slot] = self._clock()

    def keep(self, slot: Slot, num_kept: int) -> None:
        """Save the slot if all but its first `num_kept` tokens are about to be lost and nothing else has them."""
        self._idle_since.pop(slot, None)
        if self._is_off or len(slot.tokens) - num_kept < MIN_SAVED_TOKENS:
            return
        is_wanted = slot.policy.retention == "24h" or self._is_worth_saving(len(slot.tokens))
        if not is_wanted or self._is_held_elsewhere(slot):
            return
        state = self._save(slot)
        data = state.data
        self._store.add(state)
        if data is not None and not self._is_disk_full and self._is_worth_writing(state):
            self._write(state, data)

    def tidy(self) -> float | None:
        """Take the outcomes of the disk's work, and have a slot written that has been idle for a moment.

        Returns the seconds until there is more to do; None if there is nothing before something happens.
        """
        self.poll()
        now = self._clock()
        due = [STAGED_SECONDS + since - now for _, since in self._staged.values()]
        for slot, since in sorted(self._idle_since.items(), key=lambda idle: idle[1]):
            if slot.is_busy:
                del self._idle_since[slot]
            elif since + IDLE_SECONDS > now:
                due.append(since + IDLE_SECONDS - now)
            elif self._is_disk_full:
                due.append(RETRY_SECONDS)
            else:
                del self._idle_since[slot]
                if self._write_slot(slot, MIN_WRITTEN_SHARE):
                    due.append(0.0)
                    break
        return max(0.0, min(due)) if due else None

    def poll(self) -> None:
        """Take the outcomes of the disk's work."""
        if self._disk is None:
            return
        for result in self._disk.results():
            if isinstance(result, WasRead):
                self._note_read(result)
            else:
                self._note_written(result)
        now = self._clock()
        for state in [state for state, (_, since) in self._staged.items() if now - since >= STAGED_SECONDS]:
            del self._staged[state]

    def flush(self) -> None:
        """Have everything written that has no file yet, the last used first: the engine is about to end."""
        if self._disk is None:
            return
        self.poll()
        for slot in sorted(self._kv_cache.slots, key=lambda slot: -slot.last_used):
            self._write_slot(slot, 0.0)
        for state in sorted(self._store.states, key=lambda state: -state.last_used):
            if state.data is not None and self._is_worth_writing(state, 0.0):
                self._write(state, state.data)

    # --- details ----------------------------------------------------------------------------------------------------

    @property
    def _is_disk_full(self) -> bool:
        return self._disk is None or self._disk.is_full

    def _data_of(self, state: SavedState) -> State | None:
        return self._staged[state][0] if state in self._staged else state.data

    def _is_reachable(self, state: SavedState) -> bool:
        return self._data_of(state) is not None or (self._disk is not None and not self._disk.is_stuck)

    def _is_faster(self, state: SavedState, num_spared: int) -> bool:
        """Whether restoring a state takes less time than computing the tokens that it spares."""
        per_token = self.seconds_per_token()
        seconds = self._restoring.seconds(state.num_bytes)
        if self._data_of(state) is None:
            seconds += self._reading.seconds(state.num_bytes)
        return per_token is None or seconds < num_spared * per_token

    def _is_held_elsewhere(self, slot: Slot) -> bool:
        """Whether another slot, or the nearest tier, has the tokens of this one, except for a few."""
        num_needed = len(slot.tokens) - MIN_SAVED_TOKENS
        tokens = array("i", slot.tokens)
        found = self._store.find(tokens, slot.scope, lambda state: state.data is not None or not self._has_ram)
        if found and found[1] > num_needed:
            return True
        return self._kv_cache.can_trim and any(
            other is not slot and other.scope == slot.scope and other.tokens[:num_needed] == slot.tokens[:num_needed]
            for other in self._kv_cache.slots
        )

    def _save(self, slot: Slot) -> SavedState:
        data = self._kv_cache.save(slot)
        return SavedState(slot.scope, array("i", slot.tokens), data.nbytes, slot.policy, data=data)

    def _write_slot(self, slot: Slot, min_share: float) -> bool:
        """Have a slot written if that is worth it, without keeping it in host memory. Returns whether it is."""
        state = SavedState(slot.scope, array("i", slot.tokens), 0, slot.policy, last_used=self._clock())
        if not self._is_worth_writing(state, min_share):
            return False
        saved = self._save(slot)
        data, saved.data = saved.data, None
        assert data is not None
        saved.last_used = self._clock()
        self._write(saved, data)
        return True

    def _is_worth_writing(self, state: SavedState, min_share: float = MIN_WRITTEN_SHARE) -> bool:
        if state.policy.retention == "in_memory":
            return False
        if state.policy.retention == "24h":
            min_share = 0.0
        num_missing = len(state.tokens) - self._store.num_on_disk(state.tokens, state.scope)
        return num_missing >= max(MIN_SAVED_TOKENS, min_share * len(state.tokens))

    def _write(self, state: SavedState, data: State) -> None:
        assert self._disk is not None
        replaced = [other.file_name for other in self._store.replaced_by(state) if other.file_name is not None]
        self._store.note_writing(state)
        self._disk.write(state, data, replaced)

    def _note_read(self, result: WasRead) -> None:
        if result.data is None:
            self.stats.num_disk_failures += 1
            self._store.note_removed(result.state.file_name or "")
        else:
            self._reading.learn(result.data.nbytes, result.seconds)
            self._staged[result.state] = result.data, self._clock()

    def _note_written(self, result: WasWritten) -> None:
        if result.written is None:
            self.stats.num_disk_failures += result.is_failure
            self._store.note_not_written(result.state)
            return
        self.stats.num_writes += 1
        for file_name in result.written.removed:
            self._store.note_removed(file_name)
        self.stats.num_disk_evictions += result.written.num_evicted
        self._store.note_written(result.state, result.written.file_name)

    def _count_restored(self, num_restored: int, is_from_disk: bool) -> None:
        self.stats.num_restores += 1
        if not num_restored:
            self.stats.num_failed_restores += 1
        elif is_from_disk:
            self.stats.disk_hit_tokens += num_restored
        else:
            self.stats.ram_hit_tokens += num_restored
