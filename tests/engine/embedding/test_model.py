"""Embedding models through llama.cpp against an independent computation of the same weights."""

from __future__ import annotations

import dataclasses
import functools
import random
from pathlib import Path

import numpy as np
import pytest

from scripts.benchmarks.models.make_model import make_model
from scripts.benchmarks.models.shapes import SHAPES, Pooling, Shape
from server.engine.embedding.model import MAX_TEXTS, EmbeddingModel
from server.protocol.engine_config import EngineConfig, EngineOptions
from server.protocol.model_options import Pooling as ConfiguredPooling
from tests.engine.embedding.embedding_reference import Reference

LLAMA = dataclasses.replace(SHAPES["tiny"], quantization="F16", pooling="last")
BERT = SHAPES["tiny-bert"]
TOLERANCE = 2e-3
"""Largest difference of numbers: llama.cpp keeps activations and the KV cache in 16 bits here and there."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedding-models")


def written(directory: Path, shape: Shape, pooling: Pooling | None) -> Path:
    path = directory / f"{shape.architecture}-{pooling}.gguf"
    if not path.exists():
        make_model(path, dataclasses.replace(shape, pooling=pooling))
    return path


def loaded(path: Path, pooling: ConfiguredPooling = "auto") -> EmbeddingModel:
    options = EngineOptions(num_slots=4, num_threads=1, is_embedding=True, pooling=pooling)
    return EmbeddingModel(EngineConfig(model_id="m", model_path=str(path), socket_path="", options=options))


@functools.cache
def reference_of(path: Path) -> Reference:
    return Reference(path)  # reading a file takes seconds


def random_texts(lengths: list[int]) -> list[list[int]]:
    generator = random.Random(0)
    return [[generator.randrange(1000, 40_000) for _ in range(length)] for length in lengths]


def similarity(left: np.ndarray, right: np.ndarray) -> float:
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


@pytest.mark.parametrize(
    ("shape", "in_file", "configured", "effective"),
    [
        (BERT, "mean", "auto", "mean"),
        (BERT, "mean", "cls", "cls"),
        (LLAMA, "last", "auto", "last"),
        (LLAMA, None, "auto", "mean"),
    ],
    ids=["bert, mean", "bert, cls", "llama, last", "llama, unsaid"],
)
def test_vectors_are_those_of_an_independent_computation(
    directory: Path, shape: Shape, in_file: Pooling | None, configured: ConfiguredPooling, effective: str
) -> None:
    path = written(directory, shape, in_file)
    model, reference = loaded(path, configured), reference_of(path)
    texts = random_texts([1, 5, 17, 40])
    vectors = model.embed(texts)
    assert vectors.shape == (4, shape.n_embd)
    for tokens, vector in zip(texts, vectors, strict=True):
        expected = reference.embedding(tokens, effective)
        assert np.abs(vector / np.linalg.norm(vector) - expected).max() < TOLERANCE
        assert similarity(vector, expected) > 1 - 1e-5


def test_a_text_has_the_same_vector_alone_and_among_others(directory: Path) -> None:
    model = loaded(written(directory, BERT, "mean"))
    texts = random_texts([7] * MAX_TEXTS)
    together = model.embed(texts)
    for index in (0, 1, MAX_TEXTS - 1):
        assert similarity(model.embed([texts[index]])[0], together[index]) > 1 - 1e-6


def test_the_longest_text_that_the_model_takes_is_embedded(directory: Path) -> None:
    model = loaded(written(directory, BERT, "mean"))
    assert model.n_ctx == 512
    (text,) = random_texts([512])
    expected = reference_of(written(directory, BERT, "mean")).embedding(text, "mean")
    assert similarity(model.embed([text])[0], expected) > 0.9999


def test_the_card_says_how_long_the_vectors_are(directory: Path) -> None:
    card = loaded(written(directory, BERT, "mean")).card("m")
    assert card.embedding_length == 64
    assert card.n_ctx == 512
