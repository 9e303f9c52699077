"""What the gunicorn master tells the supervisor: one JSON line on its standard input. Knows shapes only."""

from __future__ import annotations

import msgspec

from server.models.folders import FoundFile
from server.protocol.engine_config import EngineOptions
from server.protocol.model_options import LoadPolicy
from server.protocol.runtime import FoundModel


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model. Exactly one of `path`, `hub_source` and `why_none` is set."""

    model_id: str
    load: LoadPolicy = "start"
    idle_unload_seconds: float | None = None
    """How long it may have nothing to do before it is unloaded; None is for ever."""
    options: EngineOptions
    path: str | None = None
    """Absolute path of the GGUF file."""
    hub_source: str | None = None
    """File to fetch from the Hugging Face hub first, as `repo/name:file-or-pattern`."""
    why_none: str | None = None
    """Sentence that tells the user what to do about it, if there is nothing to load."""
    draft_path: str | None = None
    """Absolute path of the GGUF file of the small model that guesses, if there is one."""
    draft_hub_source: str | None = None
    """File of the small model to fetch first, spelled as `hub_source`."""

    found: FoundModel | None = None
    """Set for models of folders."""

    @property
    def has_draft_model(self) -> bool:
        return self.draft_path is not None or self.draft_hub_source is not None


class FoldersConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Folders of models, and how the models in them are served."""

    folders: list[str]
    """Absolute paths."""
    taken_names: list[str] = []
    """Ids and aliases of the models that the settings name."""
    options: EngineOptions
    idle_unload_seconds: float | None = None

    def model(self, model_id: str, file: FoundFile) -> ModelConfig:
        """The model in a file, or the reason why there is none."""
        is_embedding = file.is_embedding or self.options.is_embedding
        return ModelConfig(
            model_id=model_id,
            load="on-demand",
            idle_unload_seconds=self.idle_unload_seconds,
            options=msgspec.structs.replace(self.options, is_embedding=is_embedding),
            path=None if file.problem else str(file.path),
            why_none=file.problem or None,
            found=FoundModel(path=str(file.path), is_embedding=is_embedding),
        )


class SupervisorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the supervisor needs to run."""

    runtime_dir: str
    bind: str = ""
    """The setting of that name; no engine is started anew for it."""
    models: list[ModelConfig]
    """The default model first."""
    folders: FoldersConfig | None = None
    log_level: str = "info"
    """Least severe messages that the supervisor and its engines log. No engine is started anew for it."""
    engine_timeout_seconds: float = 120.0
    """Seconds for which an engine may stand still before it is replaced."""
    max_model_memory_bytes: int | None = None
    """Most memory of the host for all engines together; None is any."""
    cache_dir: str | None = None
    """Directory of downloads; None means the hub's own cache."""
    announce_url: str | None = None
    """Address at which clients reach the server. A line to paste is printed once the default model is ready."""
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
    """The config without everything that engines do not depend on."""
    return msgspec.structs.replace(
        config, runtime_dir="", bind="", log_level="", announce_url=None, announce_headers=[]
    )
