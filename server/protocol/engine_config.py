"""What an engine is told when it starts: which model to serve, and how.

It crosses from the supervisor to the engine as one line of JSON. Knows names and sizes; it does not know settings, the
hub or llama.cpp.
"""

from __future__ import annotations

import msgspec

from server.protocol.model_options import CacheType, FlashAttention, Pooling


class LoraAdapter(msgspec.Struct, frozen=True, array_like=True):
    """A GGUF file of changes to a model's weights, and the scale at which they count; 0 is not at all."""

    path: str
    scale: float = 1.0


class EngineOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Choices about how an engine serves its model.

    The catalogue makes them of the settings, and the supervisor hands them on as they are. An option that has the name
    of a setting has its value.
    """

    num_slots: int
    """Sequences that are generated at once."""
    num_threads: int
    n_ctx: int | None = None
    """Tokens per sequence; None means the length that the model was trained for, 8192 at most."""
    n_gpu_layers: int | None = None
    """Model layers on the GPU; None means all of them when llama.cpp was built with a GPU backend."""
    flash_attn: FlashAttention = "auto"
    cache_type_k: CacheType = "f16"
    cache_type_v: CacheType = "f16"
    is_embedding: bool = False
    """Whether the model makes vectors of texts, and generates nothing."""
    pooling: Pooling = "auto"
    lora: tuple[LoraAdapter, ...] = ()
    """Adapters that change the model's weights."""
    max_waiting_requests: int = 256
    max_waiting_tokens: int = 1_000_000
    """Prompt tokens of all waiting requests together."""
    max_intake_mb: int = 32
    """MiB of requests that wait to be tokenized, all together."""
    max_step_ms: int = 400
    """Milliseconds that running sequences should stand still at most while a prompt is read."""
    max_draft_tokens: int = 0
    """Tokens that may be guessed ahead for one sequence; 0 without speculative decoding."""
    kv_ram_mb: int = 0
    """MiB of host memory for KV cache that slots had to make room for."""
    kv_disk_mb: int = 0
    """MiB of disk for such KV cache, all models together."""
    kv_dir: str = ""
    """Directory of the KV cache on disk; needed with `kv_disk_mb`."""


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an engine process needs to serve one model."""

    model_id: str
    model_path: str
    draft_model_path: str | None = None
    """Small model that guesses; without one, guesses are looked up in the text so far."""
    socket_path: str
    log_level: str = "info"
    needs_gpu: bool = False
    """Whether to fail rather than to compute without a GPU."""
    asks_for_memory: bool = False
    """Whether to say how much memory is needed, and to wait for an order, before anything is loaded."""
    options: EngineOptions
