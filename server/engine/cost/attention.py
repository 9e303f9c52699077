"""What attention adds to the cost of a prompt's tokens, which grows with the context before them.

llama.cpp's flash attention for CPUs computes a tile of tokens of one sequence together (`GGML_FA_TILE_Q`), and fewer
than that one by one, for several times the price. So in a long context a tile may take less time than half a tile does.
Without flash attention there are no tiles, nor for quantized keys and values; which way is faster depends on how long
contexts get. Knows numbers of tokens; it does not know seconds, sequences or models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from server.protocol.model_options import UNQUANTIZED_CACHE_TYPES, CacheType, FlashAttention

TILE = 64

TILED_CACHE_TYPES = (("f16", "f16"), ("f32", "f32"))
"""Of keys and values, for which there are tiles."""

TILED_COST = 1.5
SINGLE_COST = 7.5
UNFUSED_COST = 2.1
"""What a multiplication of attention costs, in a tile, one by one and without flash attention, where one of the weights
costs 1. Measured with AVX-512; what is decided by it needs no more than the order of magnitude."""

MIN_GAIN = 0.05
"""Share of the work that padding must save."""

SHORT_CONTEXT = 512
"""Tokens. Where sequences get no longer, they spend their time about where both ways of attention are equally fast:
flash attention generates up to 8 percent faster at the beginning of a text and loses from some 200 tokens on; behind
1,000 it takes a tenth longer, and 1.4 times as long for the end of a prompt. Measured with AVX-512 and with AVX2, a
model of half a billion weights. It reads long prompts faster everywhere, by 3 to 16 percent with AVX-512."""

MAX_PASS_TOKENS_UNFUSED = 128
MAX_SCORES = 2**26
"""Without flash attention, each token of a pass has a number for every token before it in every head, all of them in
memory at once: so few tokens are computed together, and so many numbers, of four bytes, are not worth it."""


def fastest_on_cpu(
    flash_attn: FlashAttention, n_ctx: int, n_head: int, cache_types: tuple[CacheType, CacheType] = ("f16", "f16")
) -> FlashAttention:
    """What "auto" should be for conversations of up to `n_ctx` tokens; as configured otherwise.

    Quantized values need flash attention; quantized keys were not measured.
    """
    is_free = flash_attn == "auto" and UNQUANTIZED_CACHE_TYPES.issuperset(cache_types)
    has_room = MAX_PASS_TOKENS_UNFUSED * n_ctx * n_head <= MAX_SCORES
    return "off" if is_free and has_room and n_ctx > SHORT_CONTEXT else flash_attn


@dataclass(frozen=True)
class Attention:
    """The extra work of a token, for each token of the context before it; a token without any context is 1.

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
        """Of a model with so many weights in its layers: a token multiplies by each once, and twice for attention by
        `n_embd` numbers of each token before it in each layer. `cache_types` are those of keys and values."""
        share = 2 * n_embd * n_layer / max(num_weights, 1)
        if flash_attn == "off":
            return cls(1, UNFUSED_COST * share)
        if cache_types not in TILED_CACHE_TYPES:
            return cls(1, SINGLE_COST * share)
        return cls(TILE, TILED_COST * share, SINGLE_COST * share)

    def work(self, num_tokens: int, start: int) -> float:
        """Computing tokens at positions [start, start + num_tokens) of one sequence in one pass."""
        context = start + num_tokens / 2
        if num_tokens < self.tile:
            return num_tokens * (1 + self.per_single_token * context)
        num_rows = math.ceil(num_tokens / self.tile) * self.tile
        return num_tokens + num_rows * self.per_tiled_token * context

    def num_padding(self, num_tokens: int, start: int) -> int:
        """How many tokens more to compute than needed, since a whole tile takes less time."""
        if num_tokens >= self.tile:
            return 0
        is_faster = self.work(self.tile, start) < (1 - MIN_GAIN) * self.work(num_tokens, start)
        return self.tile - num_tokens if is_faster else 0
