"""Words for the choices about how a model is run, as the settings spell them and engines are told them.

Imports nothing of ours: the settings and the engine, which do not know each other, share these words.
"""

from __future__ import annotations

from typing import Literal

Pooling = Literal["auto", "mean", "cls", "last"]
"""Vector of a text: the mean of its tokens' vectors, the first or the last of them; "auto" is as the file says."""

FlashAttention = Literal["auto", "on", "off"]
"""Whether llama.cpp computes attention by its flash attention; "auto" is where that is faster, as far as we know."""

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
"""Number format of the KV cache, by ggml's name; formats with a q are blocks of 32 numbers with a scale."""

UNQUANTIZED_CACHE_TYPES: frozenset[CacheType] = frozenset({"f32", "f16", "bf16"})

LoadPolicy = Literal["start", "on-demand", "manual"]
"""When a model is loaded: with the server, by the first request for it, or when somebody says so."""

Device = Literal["auto", "cpu", "gpu"]
"""Where a model's layers are computed; "auto" is as its settings say, the GPU if there is one."""
