"""Which tokens lie in which slot of the KV cache, and the few operations on them.

This account mirrors what llama.cpp's memory holds, token by token, and can be compared with it (`check`). It does not
know requests, queues or how a slot is chosen; that is the prefix cache's and the scheduler's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from server.protocol.values import CachePolicy

State = npt.NDArray[np.uint8]
"""Bytes of all that llama.cpp's memory holds of one sequence, as it writes them; they fit any slot of the context."""


class Memory(Protocol):
    """llama.cpp's memory of a context, as `llama_memory_*` offers it; sequences are numbered like slots."""

    @property
    def can_trim(self) -> bool:
        """Whether any state can be cut anywhere: not in recurrent, hybrid and sliding-window models."""

    def can_keep(self, slot: int, length: int) -> bool:
        """Whether the slot's first `length` tokens can be kept while the others are forgotten."""

    def save(self, slot: int) -> State:
        """A copy of all that the slot holds."""

    def restore(self, slot: int, state: State) -> bool:
        """Make the slot hold a saved state and nothing else. Returns False if that failed; then the slot is empty."""

    def trim(self, slot: int, length: int) -> bool:
        """Forget all tokens from position `length` on. Returns False, and changes nothing, if that cannot be done."""

    def clear(self, slot: int) -> None:
        """Forget everything in the slot. Never fails."""

    def length(self, slot: int) -> int:
        """Number of tokens that the slot holds."""


class IntegrityError(Exception):
    """Our account of the KV cache differs from llama.cpp's."""


@dataclass(eq=False)
class Slot:
    """One lane of the context. `tokens` are those whose keys and values it holds.

    `index` is the lane's number in llama.cpp; two slots may exchange theirs.
    """

    index: int
    tokens: list[int] = field(default_factory=list)
    scope: str = ""
    policy: CachePolicy = field(default_factory=CachePolicy)
    is_busy: bool = False
    last_used: int = 0
    """Number of the step in which a sequence last left it. The slot with the least number is the first to make room."""


class KVCache:
    """The slots, and the operations that keep their account true."""

    def __init__(self, memory: Memory, num_slots: int) -> None:
        self._memory = memory
        self._last_copied: tuple[Slot, State] | None = None
        """A slot and its state, kept for further copies of that slot in this step."""
        self.slots = [Slot(index) for index in range(num_slots)]
        self.num_preemptions = 0
        """Number of sequences that lost what was computed of them while they ran, and need it again."""

    @property
    def free_slots(self) -> list[Slot]:
        return [slot for slot in self.slots if not slot.is_busy]

    @property
    def can_trim(self) -> bool:
        return self._memory.can_trim

    def can_keep(self, slot: Slot, length: int) -> bool:
        return length == len(slot.tokens) or self._memory.can_keep(slot.index, length)

    def trim(self, slot: Slot, length: int) -> int:
        """Keep the first `length` tokens, or none where the memory cannot forget a part. Returns the number left."""
        if length < len(slot.tokens):
            if length and self._memory.trim(slot.index, length):
                del slot.tokens[length:]
                self._forget_copy(slot)
            else:
                self.clear(slot)
        return len(slot.tokens)

    def copy(self, source: Slot, destination: Slot, length: int) -> int:
        """Make `destination` hold the first `length` tokens of `source`. Returns the number of tokens that it then
        holds.

        Saving and restoring costs in proportion to the tokens. `llama_memory_seq_cp` costs in proportion to what the
        whole slot could hold, and it copies only in the next forward pass, when another sequence's state may lie in the
        source.
        """
        if self._last_copied is None or self._last_copied[0] is not source:
            self._last_copied = source, self.save(source)
        return self.restore(destination, self._last_copied[1], source.tokens, length)

    @property
    def last_copied(self) -> Slot | None:
        """The slot whose state is still at hand from its last copy."""
        return self._last_copied[0] if self._last_copied else None

    def save(self, slot: Slot) -> State:
        return self._memory.save(slot.index)

    def restore(self, slot: Slot, state: State, tokens: Sequence[int], length: int) -> int:
        """Make `slot` hold the first `length` of the `tokens` in `state`. Returns the number that it then holds."""
        self._forget_copy(slot)
        slot.tokens = list(tokens) if self._memory.restore(slot.index, state) else []
        return self.trim(slot, length)

    def exchange(self, slot: Slot, other: Slot) -> None:
        """Exchange the lanes of two slots in the context. Each keeps its tokens unless restoring them fails."""
        state, of_other = self.save(slot), self.save(other)
        slot.index, other.index = other.index, slot.index
        for moved, held in ((slot, state), (other, of_other)):
            length = len(moved.tokens)
            is_whole = self.restore(moved, held, moved.tokens, length) == length
            self.num_preemptions += moved.is_busy and not is_whole

    def clear(self, slot: Slot) -> None:
        self._forget_copy(slot)
        self._memory.clear(slot.index)
        slot.tokens = []

    def append(self, slot: Slot, tokens: Sequence[int], num_padding: int = 0) -> None:
        """Account for tokens that a forward pass has just computed into the slot; padding behind them is forgotten."""
        self._last_copied = None
        slot.tokens.extend(tokens)
        if num_padding and not self._memory.trim(slot.index, len(slot.tokens)):
            raise IntegrityError(f"slot {slot.index} cannot forget {num_padding} tokens of padding")

    def check(self) -> None:
        """Compare the account with llama.cpp's memory.

        Raises:
            IntegrityError: if a slot holds another number of tokens than the account says.
        """
        for slot in self.slots:
            held = self._memory.length(slot.index)
            if held != len(slot.tokens):
                raise IntegrityError(f"slot {slot.index} holds {held} tokens, expected {len(slot.tokens)}")

    def _forget_copy(self, slot: Slot) -> None:
        if self.last_copied is slot:
            self._last_copied = None
