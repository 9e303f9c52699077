"""llama.cpp's numbers for the options of a context. Knows nothing of when which choice is better."""

from __future__ import annotations

import llama_cpp.llama_cpp as llama

from server.protocol.model_options import CacheType, FlashAttention

FLASH_ATTN_TYPES: dict[FlashAttention, int] = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
"""`flash_attn_type` of `llama_context_params` (llama.h)."""

GGML_TYPE_BF16 = 30
"""Number of the type, which llama-cpp-python does not have."""

CACHE_TYPES: dict[CacheType, int] = {
    "f32": llama.GGML_TYPE_F32,
    "f16": llama.GGML_TYPE_F16,
    "bf16": GGML_TYPE_BF16,
    "q8_0": llama.GGML_TYPE_Q8_0,
    "q5_1": llama.GGML_TYPE_Q5_1,
    "q5_0": llama.GGML_TYPE_Q5_0,
    "q4_1": llama.GGML_TYPE_Q4_1,
    "q4_0": llama.GGML_TYPE_Q4_0,
    "iq4_nl": llama.GGML_TYPE_IQ4_NL,
}
"""`type_k` and `type_v` of `llama_context_params`: values of `enum ggml_type` (ggml.h)."""
