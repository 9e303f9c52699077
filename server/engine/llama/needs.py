"""How much memory a model will take, told by llama.cpp itself before anything is loaded.

A sketch of the model and of its context is made, which has everything but the memory, and llama.cpp logs the sizes.
That takes some tenths of a second and little memory. It does not know what the answer is compared with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import llama_cpp.llama_cpp as llama

from server.engine.llama import native_log
from server.engine.llama.weights import Weights

TOKEN_BYTES = 350
"""What a token of the vocabulary takes."""

LOGIT_BYTES = 4
"""What a logit takes. A model that writes, made to embed, has them for every token of a text."""

_SIZE = re.compile(r"(?:(?:kv_cache|memory_recurrent)\S*: size|(?:compute|output) buffer size) = +([0-9.]+) MiB")
"""What llama.cpp says of the caches of a context, and of the room for computing."""


def needed_bytes(
    path: str,
    n_gpu_layers: int | None,
    params_for: Callable[[Weights], llama.llama_context_params],
    adapters: Sequence[str] = (),
) -> int:
    """Bytes that the model at `path` takes with a context of these parameters and with LoRA adapters.

    Raises:
        ModelLoadError: if llama.cpp cannot load it.
    """
    weights = Weights(path, n_gpu_layers, is_sketch=True)
    try:
        params = params_for(weights)
        num_tokens: int = llama.llama_vocab_n_tokens(weights.vocabulary_pointer)
        needed = weights.num_bytes + num_tokens * TOKEN_BYTES + sum(map(_file_bytes, adapters))
        with native_log.captured(is_for_all=True) as told:
            context = llama.llama_init_from_model(weights.pointer, params)
        if context:  # without one, the load will say why
            if params.embeddings and llama.llama_get_memory(context):
                needed += params.n_batch * num_tokens * LOGIT_BYTES
            llama.llama_free(context)
        return needed + _sum_of_sizes(told.lines)
    finally:
        weights.free()


def _sum_of_sizes(lines: Sequence[str]) -> int:
    return int(sum(float(size) for line in lines for size in _SIZE.findall(line)) * (1 << 20))


def _file_bytes(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0  # the load will say it
