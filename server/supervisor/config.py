"""What the gunicorn master tells the supervisor: one JSON line on its standard input. Knows shapes only."""

from __future__ import annotations

import msgspec

from server.protocol.engine_config import LoraAdapter
from server.protocol.model_options import CacheType, FlashAttention, Pooling


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model to keep running. Exactly one of `path`, `hub_source` and `why_none` is set."""

    model_id: str
    index: int
    """Its place in the catalogue, which names its socket; the default model has 0."""
    num_slots: int
    num_threads: int
    path: str | None = None
    """Absolute path of the GGUF file."""
    hub_source: str | None = None
    """What to fetch from the Hugging Face hub first, as `repo/name:file-or-pattern`."""
    why_none: str | None = None
    """There is nothing to load, and this tells the user what to do about it."""
    n_ctx: int | None = None
    n_gpu_layers: int | None = None
    flash_attn: FlashAttention = "auto"
    cache_type_k: CacheType = "f16"
    cache_type_v: CacheType = "f16"
    kv_ram_mb: int = 0
    is_embedding: bool = False
    pooling: Pooling = "auto"
    lora: tuple[LoraAdapter, ...] = ()
    max_draft_tokens: int = 0
    draft_path: str | None = None
    """Absolute path of the GGUF file of the small model that guesses, if there is one."""
    draft_hub_source: str | None = None
    """Or what to fetch first, as `hub_source`."""

    @property
    def has_draft_model(self) -> bool:
        return self.draft_path is not None or self.draft_hub_source is not None


class SupervisorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the supervisor needs to run."""

    runtime_dir: str
    models: list[ModelConfig]
    max_waiting_requests: int = 256
    max_waiting_tokens: int = 1_000_000
    kv_disk_mb: int = 0
    kv_dir: str = ""
    max_step_ms: int = 400
    log_level: str = "info"
    cache_dir: str | None = None
    """Where downloads are kept; None means the hub's own cache."""
    announce_url: str | None = None
    """Where clients reach the server; a line to paste is printed once the default model is ready."""
    announce_headers: list[str] = []
    """Headers that a request needs besides, such as "Authorization: Bearer YOUR_KEY"."""
    engine_command: list[str] = []
    """Replaces the engine's command line; for tests."""
    download_command: list[str] = []
    """Replaces the download's command line; for tests."""

    def wants_same_engines(self, other: SupervisorConfig) -> bool:
        """Whether the engines that run for the one config serve the other as well."""
        return _engines(self) == _engines(other)


def _engines(config: SupervisorConfig) -> SupervisorConfig:
    """What the engines depend on, with the rest made the same for all."""
    return msgspec.structs.replace(config, runtime_dir="", log_level="", announce_url=None, announce_headers=[])
