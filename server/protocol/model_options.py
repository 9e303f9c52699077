"""The words for what can be chosen about how a model is run, as the settings spell them and an engine is told them.

Imports nothing of ours, so that the settings and the engine, which do not know each other, mean the same.
"""

from __future__ import annotations

from typing import Literal

Pooling = Literal["auto", "mean", "cls", "last"]
"""How an embedding model makes one vector of those of a text's tokens; "auto" is as its file says."""

FlashAttention = Literal["auto", "on", "off"]
"""Whether attention is computed by llama.cpp's flash attention; "auto" is where that is faster, as far as we know."""

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
"""In what numbers the KV cache is kept, in ggml's names; those with a q are blocks of 32 with a scale."""

UNQUANTIZED_CACHE_TYPES: frozenset[CacheType] = frozenset({"f32", "f16", "bf16"})
