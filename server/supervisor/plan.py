"""What the settings mean for the supervisor. Imported by the gunicorn master only; the supervisor gets the result."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from server.models.catalogue import Catalogue, ModelSpec
from server.models.memory import memory_for_models
from server.models.source import HubFile, LocalFile, ModelSource, NoModel
from server.settings import Settings
from server.supervisor.config import FoldersConfig, ModelConfig, SupervisorConfig

ENGINE_COMMAND_VARIABLE = "_PARLEY_ENGINE_COMMAND"
"""A JSON list that replaces the engine's command line; only the tests set it."""


def plan_supervisor(
    settings: Settings, runtime_dir: str, announce_url: str | None = None, environ: Mapping[str, str] = os.environ
) -> SupervisorConfig:
    """The supervisor's config. Raises SettingsError when the models that are asked for make no sense."""
    catalogue = Catalogue.from_settings(settings)
    return SupervisorConfig(
        runtime_dir=runtime_dir,
        bind=settings.bind,
        models=[_plan_model(model) for model in catalogue.models],
        folders=_plan_folders(settings, catalogue),
        log_level=settings.log_level,
        engine_timeout_seconds=settings.engine_timeout_seconds,
        max_model_memory_bytes=_max_memory(settings),
        announce_url=announce_url,
        announce_headers=_credentials(settings),
        engine_command=json.loads(environ.get(ENGINE_COMMAND_VARIABLE, "[]")),
    )


def _plan_folders(settings: Settings, catalogue: Catalogue) -> FoldersConfig | None:
    if not settings.folders:
        return None
    any_model = catalogue.found("any", "/any.gguf", is_embedding=settings.embedding)
    return FoldersConfig(
        folders=[str(folder) for folder in settings.folders],
        taken_names=catalogue.names,
        options=any_model.options,
        idle_unload_seconds=any_model.idle_unload_seconds,
    )


def _max_memory(settings: Settings) -> int:
    return memory_for_models() if settings.max_model_memory_mb is None else settings.max_model_memory_mb << 20


def _credentials(settings: Settings) -> list[str]:
    """Headers that somebody who tries the server has to fill in."""
    match settings.auth:
        case "off":
            return []
        case "keys":
            return ["Authorization: Bearer YOUR_KEY"]
        case "header":
            return [f"{settings.header_user}: YOUR_NAME"]


def _plan_model(model: ModelSpec) -> ModelConfig:
    return ModelConfig(
        model_id=model.id,
        load=model.load,
        idle_unload_seconds=model.idle_unload_seconds,
        options=model.options,
        draft_path=_path(model.draft_source),
        draft_hub_source=_hub_source(model.draft_source),
        path=_path(model.source),
        hub_source=_hub_source(model.source),
        why_none=model.source.message if isinstance(model.source, NoModel) else None,
    )


def _path(source: ModelSource | None) -> str | None:
    return str(source.path) if isinstance(source, LocalFile) else None


def _hub_source(source: ModelSource | None) -> str | None:
    return str(source) if isinstance(source, HubFile) else None
