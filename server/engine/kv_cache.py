"""Which tokens lie in which slot of the KV cache, and the few operations on them.

Mirrors what llama.cpp's memory holds, token by token, and can prove it (`check`). It does not know requests, queues or
how a slot is chosen; that is the prefix cache's and the scheduler's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Memory(Protocol):
    """llama.cpp's memory of a context, as `llama_memory_*` offers it; sequences are numbered like slots."""

    def copy(self, source: int, destination: int) -> None:
        """Make `destination` hold all that `source` holds, and nothing else."""

    def trim(self, slot: int, length: int) -> bool:
        """Forget all tokens from position `length` on; False if this kind of memory cannot, and nothing changed."""

    def clear(self, slot: int) -> None:
        """Forget everything in the slot. Never fails."""

    def length(self, slot: int) -> int:
        """How many tokens the slot holds."""


class IntegrityError(Exception):
    """Our account of the KV cache and llama.cpp's differ."""


@dataclass(eq=False)
class Slot:
    """One lane of the context. `tokens` are those whose keys and values it holds."""

    index: int
    tokens: list[int] = field(default_factory=list)
    scope: str = ""
    is_busy: bool = False
    last_used: int = 0
    """The step in which a sequence last left it; the least is the best to make room in."""


class KVCache:
    """The slots, and the operations that keep their account true."""

    def __init__(self, memory: Memory, num_slots: int) -> None:
        self._memory = memory
        self.slots = [Slot(index) for index in range(num_slots)]

    @property
    def free_slots(self) -> list[Slot]:
        return [slot for slot in self.slots if not slot.is_busy]

    def trim(self, slot: Slot, length: int) -> int:
        """Keep the first `length` tokens, or none where the memory cannot forget a part. Returns how many are left."""
        if length < len(slot.tokens):
            if length and self._memory.trim(slot.index, length):
                del slot.tokens[length:]
            else:
                self.clear(slot)
        return len(slot.tokens)

    def copy(self, source: Slot, destination: Slot, length: int) -> int:
        """Make `destination` hold the first `length` tokens of `source`. Returns how many it holds then."""
        self._memory.copy(source.index, destination.index)
        destination.tokens = list(source.tokens)
        return self.trim(destination, length)

    def clear(self, slot: Slot) -> None:
        self._memory.clear(slot.index)
        slot.tokens = []

    def append(self, slot: Slot, tokens: Sequence[int]) -> None:
        """Account for tokens that a forward pass has just computed into the slot."""
        slot.tokens.extend(tokens)

    def check(self) -> None:
        """Compare the account with llama.cpp's memory.

        Raises:
            IntegrityError: if any slot holds another number of tokens than we believe.
        """
        for slot in self.slots:
            held = self._memory.length(slot.index)
            if held != len(slot.tokens):
                raise IntegrityError(f"slot {slot.index} holds {held} tokens, expected {len(slot.tokens)}")
