"""The models that the settings ask for, each with everything it takes to serve it, and the names they go by.

Made once from the settings; it knows neither what state a model is in nor whether its file exists.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.errors.tree import ModelNotFound
from server.models.cores import num_physical_cores
from server.models.errors import InvalidSource
from server.models.source import (
    DEMO_MODEL_ID,
    NO_MODEL,
    LocalFile,
    ModelSource,
    default_model_id,
    demo_model_path,
    parse_source,
)
from server.protocol.engine_config import EngineOptions, LoraAdapter
from server.protocol.model_options import UNQUANTIZED_CACHE_TYPES, LoadPolicy
from server.settings import ModelEntry, Settings, SettingsError, split_adapter

KV_DIRECTORY = "kv"
"""Directory in `data_dir` for KV cache that is kept on disk."""


@dataclass(frozen=True)
class ContextPolicy:
    """Part of a conversation that the model sees, where requests do not decide it."""

    system_prompt: str | None = None
    """Instructions for requests without any; None or empty is none."""
    truncation: str = "disabled"
    max_turns: int | None = None
    max_tokens: int | None = None
    """Most tokens of the prompt."""


@dataclass(frozen=True)
class ModelSpec:
    """One model to serve."""

    index: int
    """Place in the catalogue; the default model has 0."""
    id: str
    source: ModelSource
    aliases: tuple[str, ...]
    options: EngineOptions
    draft_source: ModelSource | None
    """The small model that does the guessing, if one does."""
    created: int
    """Unix time: when the file was last changed, else when this was made."""
    load: LoadPolicy = "start"
    load_timeout_seconds: float = 60.0
    """How long a request waits while the model is loaded for it."""
    idle_unload_seconds: float | None = None
    """How long it may have nothing to do before it is unloaded; None is for ever."""
    context: ContextPolicy = ContextPolicy()
    enable_thinking: bool | None = None
    """Whether the model thinks where requests do not say it; None leaves it to the template."""

    @property
    def is_embedding(self) -> bool:
        """Whether it makes vectors of texts, and generates nothing."""
        return self.options.is_embedding


class Catalogue:
    """All models that settings name, the default one first. With folders of models, there may be none."""

    def __init__(self, models: tuple[ModelSpec, ...], settings: Settings | None = None) -> None:
        """`settings` are for the models of folders. Raises SettingsError when two models share a name."""
        self.models = models
        self._settings = settings
        self._by_name: dict[str, ModelSpec] = {}
        problems = [problem for spec in models for problem in self._claim_names(spec)]
        if problems:
            raise SettingsError(*problems)

    @classmethod
    def from_settings(cls, settings: Settings) -> Catalogue:
        """Raises SettingsError for a source that names no model, and for names that are used twice."""
        entries = settings.models or ((ModelEntry(source=settings.model),) if settings.model is not None else ())
        if not entries:
            return cls(() if settings.folders else (_demo_model(settings),), settings)
        specs: list[ModelSpec] = []
        problems: list[str] = []
        for index, entry in enumerate(entries):
            try:
                specs.append(_spec(index, entry, parse_source(entry.source), settings))
            except InvalidSource as error:
                problems.append(f"{f'models[{index}].source' if settings.models else 'model'}: {error}")
        if problems:
            raise SettingsError(*problems)
        return cls(tuple(specs), settings)

    def find(self, name: str | None) -> ModelSpec:
        """The model whose id or alias is `name`; the default model for None. Raises ModelNotFound."""
        if name is None and self.models:
            return self.models[0]
        if name not in self._by_name:
            raise ModelNotFound(name or "")
        return self._by_name[name]

    @property
    def names(self) -> list[str]:
        """All ids and aliases."""
        return list(self._by_name)

    def found(self, model_id: str, path: str, *, is_embedding: bool) -> ModelSpec:
        """A model of one of the folders, which has the settings for all models."""
        assert self._settings is not None
        entry = ModelEntry(source=path, id=model_id, load="on-demand", embedding=is_embedding)
        return _spec(len(self.models), entry, LocalFile(Path(path)), self._settings)

    def _claim_names(self, spec: ModelSpec) -> Iterator[str]:
        """Enter the names of `spec`; a sentence for each that is taken."""
        for name in (spec.id, *spec.aliases):
            holder = self._by_name.setdefault(name, spec)
            if holder is not spec:
                yield (
                    f"models[{spec.index}]: models[{holder.index}] is already called {name!r}; "
                    "give each an id and aliases of its own"
                )


def _demo_model(settings: Settings) -> ModelSpec:
    path = demo_model_path()
    entry = ModelEntry(source="demo", id=DEMO_MODEL_ID)
    return _spec(0, entry, LocalFile(path) if path else NO_MODEL, settings)


def _spec(index: int, entry: ModelEntry, source: ModelSource, settings: Settings) -> ModelSpec:
    own = settings.for_model(entry)
    return ModelSpec(
        index=index,
        id=entry.id or default_model_id(source),
        source=source,
        aliases=entry.aliases,
        options=_engine_options(index, entry, own),
        draft_source=_draft_source(index, entry, own),
        created=_created(source),
        load=own.load,
        load_timeout_seconds=own.load_timeout_seconds,
        idle_unload_seconds=own.idle_unload_seconds,
        context=ContextPolicy(own.system_prompt, own.truncation, own.max_context_turns, own.max_context_tokens),
        enable_thinking=own.enable_thinking,
    )


def _engine_options(index: int, entry: ModelEntry, own: Settings) -> EngineOptions:
    """Options of a model whose own settings these are. Raises SettingsError for what llama.cpp cannot do."""
    _check_cache_types(index, entry, own)
    names = Settings.model_fields.keys() & EngineOptions.__struct_fields__
    called_alike = {name: getattr(own, name) for name in names}
    derived = {
        "num_slots": own.slots,
        "num_threads": own.threads or num_physical_cores(),
        "is_embedding": own.embedding,
        "lora": tuple(map(_adapter, own.lora)),
        "max_draft_tokens": 0 if own.speculative == "off" else own.max_draft_tokens,
        "kv_dir": str(own.data_dir / KV_DIRECTORY),
    }
    return EngineOptions(**called_alike | derived)


def _check_cache_types(index: int, entry: ModelEntry, own: Settings) -> None:
    """Raises SettingsError where llama.cpp has no kernel."""
    if own.cache_type_v not in UNQUANTIZED_CACHE_TYPES and own.flash_attn == "off":
        key = f"models[{index}].cache_type_v" if entry.cache_type_v else "cache_type_v"
        raise SettingsError(f'{key}: {own.cache_type_v} needs flash attention, and flash_attn = "off"')


def _draft_source(index: int, entry: ModelEntry, own: Settings) -> ModelSource | None:
    """Raises SettingsError for what names no model."""
    if own.speculative != "draft":
        return None
    key = f"models[{index}].draft_model" if entry.draft_model else "draft_model"
    if own.draft_model is None:
        raise SettingsError(f'{key}: must name a model, since speculative = "draft"')
    try:
        return parse_source(own.draft_model)
    except InvalidSource as error:
        raise SettingsError(f"{key}: {error}") from None


def _adapter(text: str) -> LoraAdapter:
    """Adapter that the settings name as `path` or `path:scale`."""
    path, scale = split_adapter(text)
    return LoraAdapter(os.path.abspath(os.path.expanduser(path)), scale)


def _created(source: ModelSource) -> int:
    if isinstance(source, LocalFile):
        try:
            return int(source.path.stat().st_mtime)
        except OSError:
            pass
    return int(time.time())
