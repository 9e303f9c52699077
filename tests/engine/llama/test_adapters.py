"""LoRA adapters through llama.cpp: what they change, how much, and which cannot be used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from scripts.benchmarks.models.make_model import make_lora, make_model
from scripts.benchmarks.models.shapes import SHAPES
from server.engine.embedding.model import EmbeddingModel
from server.engine.llama import native_log
from server.engine.llama.model import Model
from server.engine.llama.weights import ModelLoadError
from server.protocol.engine_config import EngineConfig, EngineOptions, LoraAdapter
from tests.engine.embedding.embedding_reference import Reference
from tests.engine.kv.test_state import Run

TINY = dataclasses.replace(SHAPES["tiny"], quantization="F16", pooling="last")
TOKENS = [1000, 2000, 30_000, 5, 77]
TOLERANCE = 2e-3
"""Largest difference of numbers: llama.cpp keeps activations and the KV cache in 16 bits here and there."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with "model.gguf", two adapters for it, "a.gguf" and "b.gguf", and "wide.gguf" for another model."""
    native_log.install()
    directory = tmp_path_factory.mktemp("adapters")
    make_model(directory / "model.gguf", TINY)
    make_lora(directory / "a.gguf", TINY, rank=4)
    make_lora(directory / "b.gguf", TINY, rank=2, seed=1)
    make_lora(directory / "wide.gguf", dataclasses.replace(TINY, n_embd=128), rank=4)
    make_lora(directory / "bert.gguf", SHAPES["tiny-bert"], rank=4)
    return directory


def config(directory: Path, *adapters: tuple[str, float]) -> EngineConfig:
    lora = tuple(LoraAdapter(str(directory / name), scale) for name, scale in adapters)
    options = EngineOptions(num_slots=1, num_threads=1, n_ctx=64, lora=lora)
    return EngineConfig(model_id="m", model_path=str(directory / "model.gguf"), socket_path="", options=options)


def logits(model: Model) -> npt.NDArray[np.float32]:
    (row,) = model.decode([Run(slot_index=0, tokens=TOKENS, start=0)])
    return model.logits(row).copy()


def test_logits_change_with_every_adapter_and_its_scale(directory: Path) -> None:
    wanted = [(), (("a.gguf", 1.0),), (("a.gguf", 0.5),), (("b.gguf", 1.0),), (("a.gguf", 1.0), ("b.gguf", 1.0))]
    models = [Model(config(directory, *adapters)) for adapters in wanted]
    rows = [logits(model) for model in models]
    for index, row in enumerate(rows):
        assert all(np.abs(row - other).max() > 0.01 for other in rows[:index])
    assert len({model.card("m").system_fingerprint for model in models}) == len(models)
    assert len({model.state_fingerprint for model in models}) == len(models)


def test_an_adapter_of_scale_0_is_none(directory: Path) -> None:
    plain, same = Model(config(directory)), Model(config(directory, ("a.gguf", 0.0)))
    assert np.array_equal(logits(plain), logits(same))
    assert plain.card("m").system_fingerprint == same.card("m").system_fingerprint
    assert plain.state_fingerprint == same.state_fingerprint


def test_an_adapter_under_the_same_name_that_has_changed_is_another_one(directory: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "lora.gguf"
    make_lora(adapter, TINY, rank=4)
    before = Model(config(directory, (str(adapter), 1.0))).state_fingerprint
    make_lora(adapter, TINY, rank=4, seed=5)
    assert Model(config(directory, (str(adapter), 1.0))).state_fingerprint != before


def test_the_weights_are_those_of_the_model_and_the_product_of_the_adapters_factors(directory: Path) -> None:
    adapted, plain = EmbeddingModel(config(directory, ("a.gguf", -0.5))), EmbeddingModel(config(directory))
    expected = Reference(directory / "model.gguf", directory / "a.gguf", -0.5).embedding(TOKENS, "last")
    found, unchanged = (model.embed([TOKENS])[0] for model in (adapted, plain))
    assert np.abs(found / np.linalg.norm(found) - expected).max() < TOLERANCE
    assert np.abs(unchanged / np.linalg.norm(unchanged) - expected).max() > 10 * TOLERANCE
    assert adapted.card("m").system_fingerprint != plain.card("m").system_fingerprint


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing.gguf", "there is no LoRA adapter .*nothing.gguf"),
        ("wide.gguf", "wide.gguf cannot be loaded: .*(dimension|shape|base model)"),
        ("bert.gguf", "bert.gguf cannot be loaded: .*arch"),
        ("model.gguf", "model.gguf cannot be loaded: .*adapter"),
        ("text.gguf", "text.gguf cannot be loaded: "),
    ],
)
def test_what_cannot_be_used_is_told_with_its_reason(directory: Path, name: str, reason: str) -> None:
    (directory / "text.gguf").write_text("This is no adapter.\n" * 100)
    with pytest.raises(ModelLoadError, match=reason):
        Model(config(directory, (name, 1.0)))
