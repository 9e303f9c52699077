"""LoRA adapters: loaded beside a model's weights, put on a context, and told apart.

All sequences of an engine have one set of them. It knows no requests and no slots.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import llama_cpp.llama_cpp as llama

from server.engine.llama import native_log
from server.engine.llama.state_fingerprint import state_fingerprint
from server.engine.llama.weights import ModelLoadError, Weights
from server.protocol.engine_config import LoraAdapter


class Adapters:
    """The adapters of one model, which live as long as it does. To be made before its contexts: they need the room.

    Raises:
        ModelLoadError: if one of them cannot be loaded, or is made for another model.
    """

    def __init__(self, weights: Weights, wanted: Sequence[LoraAdapter]) -> None:
        self._scales = [adapter.scale for adapter in wanted]
        self._pointers = [_load(weights, adapter.path) for adapter in wanted]
        self.facts = tuple((_fingerprint(adapter.path), adapter.scale) for adapter in wanted if adapter.scale)
        """Fingerprint and scale of each adapter with an effect: they tell models apart that differ in nothing else."""

    def put_on(self, context: object) -> None:
        """Have the context apply the adapters to all that it computes from now on."""
        count = len(self._pointers)
        if not count:
            return
        pointers = (llama.llama_adapter_lora_p_ctypes * count)(
            *(ctypes.cast(pointer, llama.llama_adapter_lora_p_ctypes) for pointer in self._pointers)
        )
        if llama.llama_set_adapters_lora(context, pointers, count, (ctypes.c_float * count)(*self._scales)) != 0:
            raise ModelLoadError("llama.cpp does not take the LoRA adapters")


def _load(weights: Weights, path: str) -> ctypes.c_void_p:
    if not Path(path).is_file():
        raise ModelLoadError(f"there is no LoRA adapter {path}")
    with native_log.captured() as complaints:
        pointer: ctypes.c_void_p | None = llama.llama_adapter_lora_init(weights.pointer, path.encode())
    if not pointer:
        raise ModelLoadError(f"the LoRA adapter {path} cannot be loaded: {complaints.summary() or 'no reason given'}")
    if llama.llama_adapter_get_alora_n_invocation_tokens(pointer):
        raise ModelLoadError(f"the LoRA adapter {path} is one that prompts activate (aLoRA); that is not supported")
    return pointer


def _fingerprint(path: str) -> str:
    try:
        return state_fingerprint(Path(path))
    except OSError as error:
        raise ModelLoadError(f"the LoRA adapter {path} cannot be read: {error}") from None
