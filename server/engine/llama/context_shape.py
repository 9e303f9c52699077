"""The size of a model's context and how it is computed, as far as options, weights and devices decide that.

A context is made of it, and what a context will take can be told from it. It does not know requests or slots' contents.
"""

from __future__ import annotations

from dataclasses import dataclass

import llama_cpp.llama_cpp as llama

from server.engine.cost.attention import MAX_PASS_TOKENS_UNFUSED, fastest_on_cpu
from server.engine.llama.native_options import CACHE_TYPES, FLASH_ATTN_TYPES
from server.engine.llama.weights import Weights
from server.protocol.engine_config import EngineOptions
from server.protocol.model_options import CacheType, FlashAttention

DEFAULT_N_CTX = 8192
"""Tokens per sequence, unless configured or the model was trained for fewer."""

MAX_STEP_TOKENS = 512
"""Most tokens of one step on a CPU."""

MAX_STEP_TOKENS_GPU = 2048
"""Most tokens of one step where there is a GPU."""

MAX_THREADS_GPU = 4
"""Most threads beside a GPU. They look up the embeddings of a prompt's tokens, which is all that is left to the CPU."""

MAX_PASS_TOKENS = 512
"""Most tokens that are computed together with flash attention (llama.cpp's `n_ubatch`)."""

MAX_PASS_TOKENS_GPU = 1024
"""Most tokens that are computed together on a GPU with memory for it: then it reads 2,048 tokens in 32 ms, otherwise in
47."""

MAX_VERIFIED_TOKENS = 32
"""Most drafted tokens of one forward pass; each needs memory for the logits of a row."""

MAX_SCORED_TOKENS = 16
"""Tokens of prompts for whose logprobs one pass has room at least."""

MAX_SCORED_TOKENS_GPU = 64
"""Tokens of prompts for whose logprobs one pass has room at least where there is a GPU."""


@dataclass(frozen=True)
class ContextShape:
    """A context in which each sequence has its own KV cache stream."""

    n_ctx: int
    """Tokens of one sequence."""
    num_slots: int
    num_threads: int
    has_gpu: bool
    is_on_gpu: bool
    """Whether all of the model is on a GPU."""
    flash_attn: FlashAttention
    cache_types: tuple[CacheType, CacheType]
    max_step_tokens: int
    max_step_logits: int
    """Most rows of logits of one step."""

    @classmethod
    def of(cls, options: EngineOptions, weights: Weights) -> ContextShape:
        """The shape for a model of these weights."""
        has_gpu = llama.llama_supports_gpu_offload() and options.n_gpu_layers != 0
        n_ctx = options.n_ctx or min(weights.n_ctx_train, DEFAULT_N_CTX)
        cache_types = (options.cache_type_k, options.cache_type_v)
        n_head = llama.llama_model_n_head(weights.pointer)
        flash_attn = options.flash_attn if has_gpu else fastest_on_cpu(options.flash_attn, n_ctx, n_head, cache_types)
        max_scored = MAX_SCORED_TOKENS_GPU if has_gpu else MAX_SCORED_TOKENS
        max_verified = MAX_VERIFIED_TOKENS if options.max_draft_tokens else 0
        return cls(
            n_ctx=n_ctx,
            num_slots=options.num_slots,
            num_threads=options.num_threads,
            has_gpu=has_gpu,
            is_on_gpu=weights.device == "gpu",
            flash_attn=flash_attn,
            cache_types=cache_types,
            max_step_tokens=MAX_STEP_TOKENS_GPU if has_gpu else MAX_STEP_TOKENS,
            max_step_logits=options.num_slots + max(max_scored, max_verified),
        )

    @property
    def pass_sizes(self) -> tuple[int, ...]:
        """Numbers of tokens that may be computed together, the fastest first; each needs memory."""
        if self.flash_attn == "off":
            return (MAX_PASS_TOKENS_UNFUSED,)
        return (MAX_PASS_TOKENS_GPU, MAX_PASS_TOKENS) if self.is_on_gpu else (MAX_PASS_TOKENS,)

    def params(self, pass_tokens: int) -> llama.llama_context_params:
        """llama.cpp's parameters of a context that computes so many tokens together."""
        params: llama.llama_context_params = llama.llama_context_default_params()
        params.n_ctx = self.n_ctx * self.num_slots
        params.n_seq_max = self.num_slots
        params.kv_unified = False
        params.n_batch = max(self.max_step_tokens, self.num_slots)
        params.n_ubatch = max(pass_tokens, self.num_slots)
        params.flash_attn_type = FLASH_ATTN_TYPES[self.flash_attn]
        params.type_k, params.type_v = (CACHE_TYPES[name] for name in self.cache_types)
        # Without it, there is room for the logits of every token of a batch.
        params.n_outputs_max = self.max_step_logits
        # Beside a GPU there is next to nothing to share, and threads that wait for each other would spin on every core.
        params.n_threads = 1 if self.is_on_gpu else self.num_threads
        params.n_threads_batch = min(self.num_threads, MAX_THREADS_GPU) if self.is_on_gpu else self.num_threads
        return params
