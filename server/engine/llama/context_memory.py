"""llama.cpp's memory of a context, through llama-cpp-python's low-level API: trim, save and restore one sequence.

It does not know which tokens lie where; `kv.cache` does.
"""

from __future__ import annotations

import ctypes

import llama_cpp.llama_cpp as llama
import numpy as np

from server.engine.kv.cache import State


class ContextMemory:
    """The memory of one context; implements `kv.cache.Memory`."""

    def __init__(self, context: object, model: object) -> None:
        self._context = context
        self._pointer = llama.llama_get_memory(context)
        self._n_swa: int = llama.llama_model_n_swa(model)
        self._is_stateful = bool(llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model))

    @property
    def can_trim(self) -> bool:
        return not self._is_stateful and self._n_swa == 0

    def can_keep(self, slot: int, length: int) -> bool:
        """Whether the slot's first `length` tokens can be kept while the others are forgotten.

        With a sliding window, the tokens to which the next one attends may be missing. A restored state has only those
        of its own last window.
        """
        if self._is_stateful:
            return False
        return self._n_swa == 0 or self._first_position(slot) <= max(0, length - self._n_swa)

    def save(self, slot: int) -> State:
        state = np.empty(llama.llama_state_seq_get_size(self._context, slot), dtype=np.uint8)
        num_bytes = llama.llama_state_seq_get_data(self._context, _bytes_pointer(state), state.size, slot)
        return state[:num_bytes]

    def restore(self, slot: int, state: State) -> bool:
        self.clear(slot)
        if llama.llama_state_seq_set_data(self._context, _bytes_pointer(state), state.size, slot) == 0:
            self.clear(slot)
            return False
        return True

    def trim(self, slot: int, length: int) -> bool:
        return self.can_keep(slot, length) and bool(llama.llama_memory_seq_rm(self._pointer, slot, length, -1))

    def clear(self, slot: int) -> None:
        llama.llama_memory_seq_rm(self._pointer, slot, -1, -1)

    def length(self, slot: int) -> int:
        return int(llama.llama_memory_seq_pos_max(self._pointer, slot)) + 1

    def _first_position(self, slot: int) -> int:
        return int(llama.llama_memory_seq_pos_min(self._pointer, slot))


def _bytes_pointer(state: State) -> object:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
