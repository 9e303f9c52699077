"""The models that the settings ask for, each with everything it takes to serve it, and the names they go by.

Made once from the settings; it knows neither what state a model is in nor whether its file exists.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

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
from server.protocol.engine_config import LoraAdapter
from server.protocol.model_options import UNQUANTIZED_CACHE_TYPES, CacheType, FlashAttention, Pooling
from server.settings import ModelEntry, Settings, SettingsError, split_adapter


@dataclass(frozen=True)
class ContextPolicy:
    """How much of a conversation the model sees, as far as requests do not say it."""

    system_prompt: str | None = None
    """For requests without instructions; None or empty is none."""
    truncation: str = "disabled"
    max_turns: int | None = None
    max_tokens: int | None = None
    """Of the prompt."""


@dataclass(frozen=True)
class ModelSpec:
    """One model to serve."""

    index: int
    """Its place in the catalogue; the default model has 0."""
    id: str
    source: ModelSource
    aliases: tuple[str, ...]
    n_ctx: int | None
    """Tokens per sequence; None leaves it to the engine, which sees the model."""
    num_slots: int
    num_threads: int
    n_gpu_layers: int | None
    """None means all layers if there is a GPU backend."""
    flash_attn: FlashAttention
    cache_type_k: CacheType
    cache_type_v: CacheType
    kv_ram_mb: int
    max_draft_tokens: int
    """Tokens that may be guessed ahead for one sequence; 0 without speculative decoding."""
    draft_source: ModelSource | None
    """The small model that does the guessing, if one does."""
    created: int
    """Unix time: when the file was last changed, else when this was made."""
    context: ContextPolicy = ContextPolicy()
    is_embedding: bool = False
    """Whether it makes vectors of texts, and generates nothing."""
    pooling: Pooling = "auto"
    """How it makes one vector of those of the tokens; "auto" is as its file says."""
    lora: tuple[LoraAdapter, ...] = ()
    """Adapters that change its weights."""


class Catalogue:
    """All models that are served, the default one first. There is always at least one."""

    def __init__(self, models: tuple[ModelSpec, ...]) -> None:
        """Raises SettingsError when two models share a name."""
        self.models = models
        self._by_name: dict[str, ModelSpec] = {}
        problems = [problem for spec in models for problem in self._claim_names(spec)]
        if problems:
            raise SettingsError(*problems)

    @classmethod
    def from_settings(cls, settings: Settings) -> Catalogue:
        """Raises SettingsError for a source that names no model, and for names that are used twice."""
        entries = settings.models or ((ModelEntry(source=settings.model),) if settings.model is not None else ())
        if not entries:
            return cls((_demo_model(settings),))
        specs: list[ModelSpec] = []
        problems: list[str] = []
        for index, entry in enumerate(entries):
            try:
                specs.append(_spec(index, entry, parse_source(entry.source), settings))
            except InvalidSource as error:
                problems.append(f"{f'models[{index}].source' if settings.models else 'model'}: {error}")
        if problems:
            raise SettingsError(*problems)
        return cls(tuple(specs))

    def find(self, name: str | None) -> ModelSpec:
        """The model of that id or alias; the default model for None. Raises server.errors.ModelNotFound."""
        if name is None:
            return self.models[0]
        if name not in self._by_name:
            # Imported late: server.errors brings Flask along, which has no place in the gunicorn master.
            from server.errors import ModelNotFound

            raise ModelNotFound(name)
        return self._by_name[name]

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
    """What an entry leaves out comes from the setting of the same name."""
    return ModelSpec(
        index=index,
        id=entry.id or default_model_id(source),
        source=source,
        aliases=entry.aliases,
        n_ctx=entry.n_ctx or settings.n_ctx,
        num_slots=entry.slots or settings.slots,
        num_threads=entry.threads or settings.threads or num_physical_cores(),
        n_gpu_layers=settings.n_gpu_layers if entry.n_gpu_layers is None else entry.n_gpu_layers,
        flash_attn=entry.flash_attn or settings.flash_attn,
        cache_type_k=entry.cache_type_k or settings.cache_type_k,
        cache_type_v=_cache_type_v(index, entry, settings),
        kv_ram_mb=settings.kv_ram_mb if entry.kv_ram_mb is None else entry.kv_ram_mb,
        max_draft_tokens=_max_draft_tokens(entry, settings),
        draft_source=_draft_source(index, entry, settings),
        created=_created(source),
        context=_context_policy(entry, settings),
        is_embedding=settings.embedding if entry.embedding is None else entry.embedding,
        pooling=entry.pooling or settings.pooling,
        lora=tuple(map(_adapter, settings.lora if entry.lora is None else entry.lora)),
    )


def _context_policy(entry: ModelEntry, settings: Settings) -> ContextPolicy:
    return ContextPolicy(
        system_prompt=settings.system_prompt if entry.system_prompt is None else entry.system_prompt,
        truncation=entry.truncation or settings.truncation,
        max_turns=entry.max_context_turns or settings.max_context_turns,
        max_tokens=entry.max_context_tokens or settings.max_context_tokens,
    )


def _max_draft_tokens(entry: ModelEntry, settings: Settings) -> int:
    if (entry.speculative or settings.speculative) == "off":
        return 0
    return entry.max_draft_tokens or settings.max_draft_tokens


def _draft_source(index: int, entry: ModelEntry, settings: Settings) -> ModelSource | None:
    """Raises SettingsError for what names no model."""
    if (entry.speculative or settings.speculative) != "draft":
        return None
    key = f"models[{index}].draft_model" if entry.draft_model else "draft_model"
    text = entry.draft_model or settings.draft_model
    if text is None:
        raise SettingsError(f'{key}: must name a model, since speculative = "draft"')
    try:
        return parse_source(text)
    except InvalidSource as error:
        raise SettingsError(f"{key}: {error}") from None


def _cache_type_v(index: int, entry: ModelEntry, settings: Settings) -> CacheType:
    """Raises SettingsError where llama.cpp has no kernel."""
    chosen = entry.cache_type_v or settings.cache_type_v
    if chosen not in UNQUANTIZED_CACHE_TYPES and (entry.flash_attn or settings.flash_attn) == "off":
        key = f"models[{index}].cache_type_v" if entry.cache_type_v else "cache_type_v"
        raise SettingsError(f'{key}: {chosen} needs flash attention, and flash_attn = "off"')
    return chosen


def _adapter(text: str) -> LoraAdapter:
    """Of `path` or `path:scale`, as the settings have it."""
    path, scale = split_adapter(text)
    return LoraAdapter(os.path.abspath(os.path.expanduser(path)), scale)


def _created(source: ModelSource) -> int:
    if isinstance(source, LocalFile):
        try:
            return int(source.path.stat().st_mtime)
        except OSError:
            pass
    return int(time.time())
