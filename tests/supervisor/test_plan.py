"""From settings to the supervisor's config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from server.models import catalogue
from server.models.catalogue import Catalogue
from server.settings import ModelEntry, Settings, SettingsError
from server.supervisor.config import ModelConfig
from server.supervisor.plan import ENGINE_COMMAND_VARIABLE, plan_supervisor

NO_VARIABLES: dict[str, str] = {}


def plan_models(**settings: object) -> list[ModelConfig]:
    return plan_supervisor(Settings(**settings), "/run/x", environ=NO_VARIABLES).models  # type: ignore[arg-type]


def test_a_local_file_is_named_by_its_absolute_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (model,) = plan_models(model="./some/model.gguf")
    assert (model.model_id, model.path) == ("model", str(tmp_path / "some" / "model.gguf"))
    assert (model.hub_source, model.why_none) == (None, None)


def test_the_options_of_engines_are_those_of_the_catalogue() -> None:
    settings = Settings(
        model="/a.gguf",
        slots=7,
        threads=3,
        n_ctx=512,
        n_gpu_layers=5,
        flash_attn="off",
        cache_type_k="q8_0",
        cache_type_v="bf16",
        kv_ram_mb=9,
    )
    (model,) = plan_supervisor(settings, "/run/x", environ=NO_VARIABLES).models
    assert model.options == Catalogue.from_settings(settings).models[0].options
    assert (model.options.num_slots, model.options.n_gpu_layers, model.options.cache_type_k) == (7, 5, "q8_0")


def test_a_file_of_the_hub_is_named_as_the_user_did() -> None:
    (model,) = plan_models(model="owner/name:model-Q4.gguf")
    assert (model.path, model.hub_source, model.why_none) == (None, "owner/name:model-Q4.gguf", None)


def test_without_any_model_the_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "demo_model_path", lambda: None)
    (model,) = plan_models()
    assert (model.path, model.hub_source) == (None, None)
    assert "PARLEY_MODEL" in (model.why_none or "")


def test_every_model_has_its_own_options_and_time_to_be_loaded() -> None:
    own = ModelEntry(source="/b.gguf", slots=9, kv_ram_mb=0, load="manual")
    models = plan_models(models=[ModelEntry(source="/a.gguf"), own], load="on-demand")
    assert [(model.model_id, model.load) for model in models] == [("a", "on-demand"), ("b", "manual")]
    assert models[1].options.num_slots == 9
    assert [model.options.kv_ram_mb for model in models] == [1024, 0]


def test_models_that_make_no_sense_are_a_settings_error() -> None:
    with pytest.raises(SettingsError):
        plan_models(model="what is this")


def test_the_rest_comes_from_the_settings() -> None:
    settings = Settings(max_waiting_requests=5, max_waiting_tokens=6, max_step_ms=70, log_level="debug")
    config = plan_supervisor(settings, "/run/x", "http://here", environ=NO_VARIABLES)
    assert (config.runtime_dir, config.announce_url) == ("/run/x", "http://here")
    options = config.models[0].options
    assert (options.max_waiting_requests, options.max_waiting_tokens, config.log_level) == (5, 6, "debug")
    assert options.max_step_ms == 70
    assert config.engine_command == []


@pytest.mark.parametrize(
    ("auth", "headers"),
    [("off", []), ("keys", ["Authorization: Bearer YOUR_KEY"]), ("header", ["X-User-ID: YOUR_NAME"])],
)
def test_the_invitation_says_what_credentials_are_needed(
    auth: Literal["off", "keys", "header"], headers: list[str]
) -> None:
    assert plan_supervisor(Settings(auth=auth), "/run/x", environ=NO_VARIABLES).announce_headers == headers


def test_tests_may_replace_the_engine() -> None:
    environ = {ENGINE_COMMAND_VARIABLE: json.dumps(["fake", "engine"])}
    assert plan_supervisor(Settings(), "/run/x", environ=environ).engine_command == ["fake", "engine"]


def test_only_what_engines_depend_on_makes_their_configs_differ() -> None:
    running = plan_supervisor(Settings(model="/a.gguf"), "/run/x", "http://here", environ=NO_VARIABLES)
    same = plan_supervisor(Settings(model="/a.gguf", log_level="debug", auth="keys"), "/run/y", environ=NO_VARIABLES)
    other = plan_supervisor(Settings(model="/a.gguf", slots=9), "/run/x", environ=NO_VARIABLES)
    assert running.wants_same_engines(same)
    assert not running.wants_same_engines(other)
