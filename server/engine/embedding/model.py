"""A loaded model that turns texts into vectors: weights, context and the forward pass over whole texts.

Pooling, from the vectors of the tokens to one of the text, is llama.cpp's. It does not know requests, or what is done
with a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import llama_cpp.llama_cpp as llama
import msgspec
import numpy as np
import numpy.typing as npt

from server.engine.llama import native_log
from server.engine.llama.adapters import Adapters
from server.engine.llama.native_options import FLASH_ATTN_TYPES
from server.engine.llama.vocabulary import Vocabulary
from server.engine.llama.weights import ModelLoadError, Weights, check_device, describe
from server.engine.runner import DecodeError
from server.protocol.engine_config import EngineConfig, EngineOptions
from server.protocol.messages import ModelCard

Vectors = npt.NDArray[np.float32]
"""Vectors of texts, shape (number of texts, n_embd)."""

DEFAULT_N_CTX = 2048
"""Most tokens of a text, unless configured or the model was trained for shorter ones. A text is computed at once, and
the room for that grows with its square."""

MAX_TEXTS = 64
"""Most texts of one forward pass."""

POOLING_TYPES = {
    "mean": llama.LLAMA_POOLING_TYPE_MEAN,
    "cls": llama.LLAMA_POOLING_TYPE_CLS,
    "last": llama.LLAMA_POOLING_TYPE_LAST,
}
"""llama.cpp's numbers for the kinds of pooling that can be configured."""


class EmbeddingModel:
    """A loaded model and a context without a memory of earlier texts; implements `embedding.engine.Embedder`.

    Raises:
        ModelLoadError: if the file cannot be loaded, ranks instead of embedding, or does not fit into memory.
    """

    def __init__(self, config: EngineConfig, on_progress: Callable[[float], None] = lambda progress: None) -> None:
        options = config.options
        llama.llama_backend_init()
        check_device(config)
        self._weights = Weights(config.model_path, options.n_gpu_layers, on_progress)
        self.vocabulary = Vocabulary(self._weights.vocabulary_pointer)
        self._adapters = Adapters(self._weights, options.lora)
        self.n_ctx = max_text_tokens(options, self._weights)
        self.n_embd: int = llama.llama_model_n_embd_out(self._weights.pointer)
        self.max_texts = MAX_TEXTS
        self._context = self._make_context(options)
        self._memory = llama.llama_get_memory(self._context)
        self._batch = llama.llama_batch_init(self.n_ctx, 0, 1)

    def embed(self, texts: Sequence[Sequence[int]]) -> Vectors:
        """The vectors of texts (token ids), of at most `max_texts` with at most `n_ctx` tokens together.

        Raises:
            DecodeError: if the forward pass failed.
        """
        self._fill(texts)
        if self._memory:
            llama.llama_memory_clear(self._memory, False)
        code = llama.llama_decode(self._context, self._batch)
        if code != 0:
            raise DecodeError(code)
        return np.stack([self._vector(index) for index in range(len(texts))])

    def card(self, model_id: str) -> ModelCard:
        card = describe(
            self._weights, self.vocabulary, model_id, num_slots=MAX_TEXTS, n_ctx=self.n_ctx, facts=self._adapters.facts
        )
        return msgspec.structs.replace(card, embedding_length=self.n_embd)

    def _vector(self, index: int) -> npt.NDArray[np.float32]:
        pointer = llama.llama_get_embeddings_seq(self._context, index)
        return np.ctypeslib.as_array(pointer, shape=(self.n_embd,)).copy()

    def _fill(self, texts: Sequence[Sequence[int]]) -> None:
        place = 0
        for index, tokens in enumerate(texts):
            for position, token in enumerate(tokens):
                self._batch.token[place] = token
                self._batch.pos[place] = position
                self._batch.n_seq_id[place] = 1
                self._batch.seq_id[place][0] = index
                self._batch.logits[place] = 1
                place += 1
        self._batch.n_tokens = place

    def _make_context(self, options: EngineOptions) -> object:
        params = context_params(options, self._weights)
        with native_log.captured() as complaints:
            context = llama.llama_init_from_model(self._weights.pointer, params)
        if not context:
            reason = complaints.summary() or "out of memory?"
            raise ModelLoadError(
                f"no context for texts of {self.n_ctx} tokens could be made ({reason}); a smaller n_ctx needs less "
                "memory"
            )
        if llama.llama_pooling_type(context) == llama.LLAMA_POOLING_TYPE_RANK:
            raise ModelLoadError("the model ranks texts; only models that embed them can be served")
        self._adapters.put_on(context)
        return context


def context_params(options: EngineOptions, weights: Weights) -> llama.llama_context_params:
    """llama.cpp's parameters of a context for texts."""
    params: llama.llama_context_params = llama.llama_context_default_params()
    params.embeddings = True
    params.pooling_type = _pooling_type(options.pooling, weights)
    # A text must be computed in one piece to be pooled, and all texts of a pass share the room.
    params.n_ctx = params.n_batch = params.n_ubatch = max_text_tokens(options, weights)
    params.n_seq_max = MAX_TEXTS
    params.kv_unified = True
    params.flash_attn_type = FLASH_ATTN_TYPES[options.flash_attn]
    params.n_threads = params.n_threads_batch = options.num_threads
    return params


def max_text_tokens(options: EngineOptions, weights: Weights) -> int:
    """Most tokens of a text."""
    return min(options.n_ctx or DEFAULT_N_CTX, weights.n_ctx_train)


def _pooling_type(configured: str, weights: Weights) -> int:
    """llama.cpp's number for the configured pooling, or else for that in the file, or else for the mean."""
    if configured != "auto":
        return int(POOLING_TYPES[configured])
    architecture = weights.metadata("general.architecture")
    is_said = weights.metadata(f"{architecture}.pooling_type") not in ("", "0")
    return int(llama.LLAMA_POOLING_TYPE_UNSPECIFIED if is_said else llama.LLAMA_POOLING_TYPE_MEAN)
