"""llama.cpp's names for whether attention is computed by its fused kernels. Knows nothing of when that is faster."""

from __future__ import annotations

import llama_cpp.llama_cpp as llama

from server.engine.config import FlashAttention

FLASH_ATTN_TYPES: dict[FlashAttention, int] = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
"""`flash_attn_type` of `llama_context_params` (llama.h)."""
