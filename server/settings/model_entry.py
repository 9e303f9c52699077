"""The `[[models]]` tables: what can be said of one model.

Keys that are settings, too, have the name and the limits of those. It does not know how settings are found.
"""

from __future__ import annotations

from typing import Any

from server.protocol.model_options import CacheType, FlashAttention, LoadPolicy, Pooling
from server.settings.tables import Table, setting
from server.settings.values import (
    AdapterList,
    ContextSize,
    DraftLength,
    LayerCount,
    Mebibytes,
    Name,
    Seconds,
    SlotCount,
    Speculative,
    ThreadCount,
    TokenCount,
    Truncation,
    TurnCount,
)


def _own(doc: str = "As the setting of that name, for this model.") -> Any:
    """A key of a model's table that stands before the setting of its name."""
    return setting(None, doc)


class ModelEntry(Table):
    """One `[[models]]` table; what it leaves out comes from the setting of the same name."""

    source: Name = setting(..., "A GGUF path, or `repo/name:file-or-pattern` on the Hugging Face hub.")
    id: Name | None = setting(None, "What clients call the model.", default_text="the file's name without .gguf")
    aliases: tuple[Name, ...] = setting((), "Other names that clients may use for it.")
    n_ctx: ContextSize | None = _own()
    slots: SlotCount | None = _own()
    threads: ThreadCount | None = _own()
    n_gpu_layers: LayerCount | None = _own()
    flash_attn: FlashAttention | None = _own()
    cache_type_k: CacheType | None = _own()
    cache_type_v: CacheType | None = _own()
    system_prompt: str | None = _own("As the setting of that name, for this model; empty is none.")
    truncation: Truncation | None = _own()
    max_context_turns: TurnCount | None = _own()
    max_context_tokens: TokenCount | None = _own()
    enable_thinking: bool | None = _own()
    kv_ram_mb: Mebibytes | None = _own()
    embedding: bool | None = _own()
    pooling: Pooling | None = _own()
    lora: AdapterList | None = _own()
    speculative: Speculative | None = _own()
    draft_model: Name | None = _own()
    max_draft_tokens: DraftLength | None = _own()
    load: LoadPolicy | None = _own()
    idle_unload_seconds: Seconds | None = _own()
