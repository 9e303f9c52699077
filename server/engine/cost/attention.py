"""The cost that attention adds to a prompt's tokens, which grows with the context before them.

llama.cpp's flash attention for CPUs computes a tile of tokens of one sequence together (`GGML_FA_TILE_Q`). Fewer tokens
than a tile are computed one by one, for several times the price, so in a long context a whole tile may take less time
than half a tile. There are no tiles without flash attention, nor for quantized keys and values. Whether flash attention
is faster depends on how long contexts get. Knows numbers of tokens; it does not know seconds, sequences or models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from server.protocol.model_options import UNQUANTIZED_CACHE_TYPES, CacheType, FlashAttention

TILE = 64
"""Tokens of a tile."""

TILED_CACHE_TYPES = (("f16", "f16"), ("f32", "f32"))
"""Cache types of keys and values for which there are tiles."""

TILED_COST = 1.5
"""Cost of a multiplication of attention in a tile, where a multiplication by a weight costs 1. Measured with AVX-512,
as are the next two; for the decisions made by them the order of magnitude is enough."""

SINGLE_COST = 7.5
"""Cost of a multiplication of attention for a token that is computed alone."""

UNFUSED_COST = 2.1
"""Cost of a multiplication of attention without flash attention."""

MIN_GAIN = 0.05
"""Share of the work that padding must save."""

SHORT_CONTEXT = 512
"""Tokens in a context up to which flash attention is not switched off.

Sequences no longer than this spend their time where both ways are about equally fast. Flash attention generates up to 8
percent faster at the beginning of a text, and loses from some 200 tokens on. Behind 1,000 tokens it takes a tenth
longer, and 1.4 times as long for the end of a prompt. It reads long prompts faster everywhere, by 3 to 16 percent with
AVX-512. Measured with AVX-512 and with AVX2, with a model of half a billion weights.
"""

MAX_PASS_TOKENS_UNFUSED = 128
"""Most tokens of a pass without flash attention. Each of them has a score for every token before it in every head, and
all scores are in memory at once."""

MAX_SCORES = 2**26
"""Most scores of a pass, four bytes each, for which flash attention is switched off: more are not worth the memory."""


def fastest_on_cpu(
    flash_attn: FlashAttention, n_ctx: int, n_head: int, cache_types: tuple[CacheType, CacheType] = ("f16", "f16")
) -> FlashAttention:
    """The faster kind of attention for contexts of `n_ctx` tokens if "auto" is configured; otherwise the configured
    one.

    Quantized values need flash attention; quantized keys were not measured.
    """
    is_free = flash_attn == "auto" and UNQUANTIZED_CACHE_TYPES.issuperset(cache_types)
    has_room = MAX_PASS_TOKENS_UNFUSED * n_ctx * n_head <= MAX_SCORES
    return "off" if is_free and has_room and n_ctx > SHORT_CONTEXT else flash_attn


@dataclass(frozen=True)
class Attention:
    """The work that attention adds to a token for each token of the context before it; a token without context is 1.

    By default there is none worth speaking of, as on GPUs.
    """

    tile: int = 1
    per_tiled_token: float = 0.0
    per_single_token: float = 0.0

    @classmethod
    def on_cpu(
        cls,
        num_weights: int,
        n_embd: int,
        n_layer: int,
        flash_attn: FlashAttention = "auto",
        cache_types: tuple[CacheType, CacheType] = ("f16", "f16"),
    ) -> Attention:
        """The attention of a model with `num_weights` weights in its layers, on a CPU.

        A token multiplies once by each weight, and for attention twice by `n_embd` numbers in each layer for each token
        before it. `cache_types` are those of keys and values.
        """
        share = 2 * n_embd * n_layer / max(num_weights, 1)
        if flash_attn == "off":
            return cls(1, UNFUSED_COST * share)
        if cache_types not in TILED_CACHE_TYPES:
            return cls(1, SINGLE_COST * share)
        return cls(TILE, TILED_COST * share, SINGLE_COST * share)

    def work(self, num_tokens: int, start: int) -> float:
        """Work of computing tokens at positions [start, start + num_tokens) of one sequence in one pass."""
        context = start + num_tokens / 2
        if num_tokens < self.tile:
            return num_tokens * (1 + self.per_single_token * context)
        num_rows = math.ceil(num_tokens / self.tile) * self.tile
        return num_tokens + num_rows * self.per_tiled_token * context

    def num_padding(self, num_tokens: int, start: int) -> int:
        """Number of needless tokens to compute behind `num_tokens`, since a whole tile takes less time."""
        if num_tokens >= self.tile:
            return 0
        is_faster = self.work(self.tile, start) < (1 - MIN_GAIN) * self.work(num_tokens, start)
        return self.tile - num_tokens if is_faster else 0
