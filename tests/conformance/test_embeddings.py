"""POST /v1/embeddings through OpenAI's client, with tiny models that the project's own script writes."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest
from openai import OpenAI

from scripts.benchmarks.models.make_model import make_model
from scripts.benchmarks.models.shapes import SHAPES
from tests.conformance.conversing import checked
from tests.conformance.slow_client import RawStream
from tests.engine.embedding.embedding_reference import Reference
from tests.live_server import LiveServer, wait_until

TEXTS = ["The capital of France is Paris.", "naïve café 漢字 🙂", "x"]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny-bert.gguf"
    make_model(path, SHAPES["tiny-bert"])
    return path


@pytest.fixture(scope="module")
def embedder(model_path: Path) -> Iterator[LiveServer]:
    with LiveServer(model=model_path, embedding=True, n_ctx=512, max_body_mb=8, max_waiting_tokens=100_000) as server:
        yield server


@pytest.fixture
def embeddings(embedder: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=embedder.base_url, api_key="none", max_retries=0) as client:
        yield client


def test_texts_come_back_as_vectors_in_order(embeddings: OpenAI) -> None:
    together = checked(embeddings.embeddings.create(model="tiny-bert", input=TEXTS))
    assert [each.index for each in together.data] == [0, 1, 2]  # type: ignore[attr-defined]
    for text, each in zip(TEXTS, together.data, strict=True):  # type: ignore[attr-defined]
        alone = embeddings.embeddings.create(model="tiny-bert", input=text)
        assert np.dot(alone.data[0].embedding, each.embedding) > 1 - 1e-5
        assert np.linalg.norm(each.embedding) == pytest.approx(1, abs=1e-5)


def test_token_ids_are_taken_as_they_are(embeddings: OpenAI, model_path: Path) -> None:
    tokens = [[1000, 2000, 3000], [4000]]
    found = embeddings.embeddings.create(model="tiny-bert", input=tokens)
    reference = Reference(model_path)
    for each, text in zip(found.data, tokens, strict=True):
        assert np.dot(each.embedding, reference.embedding(text, "mean")) > 1 - 1e-5
    assert found.usage.prompt_tokens == found.usage.total_tokens == 4


def test_floats_and_base64_are_the_same_numbers(embedder: LiveServer) -> None:
    body = {"input": TEXTS[0]}
    _, floats, _ = embedder.post("/v1/embeddings", {**body, "encoding_format": "float"})
    _, encoded, _ = embedder.post("/v1/embeddings", {**body, "encoding_format": "base64"})
    _, default, _ = embedder.post("/v1/embeddings", body)
    decoded = np.frombuffer(base64.b64decode(encoded["data"][0]["embedding"]), dtype="<f4")
    assert decoded.tolist() == floats["data"][0]["embedding"] == default["data"][0]["embedding"]
    assert floats["model"] == "tiny-bert"


def test_fewer_dimensions_are_the_beginning_at_length_1(embeddings: OpenAI) -> None:
    whole = np.array(embeddings.embeddings.create(model="tiny-bert", input="Hello").data[0].embedding)
    short = np.array(embeddings.embeddings.create(model="tiny-bert", input="Hello", dimensions=16).data[0].embedding)
    assert short.shape == (16,)
    assert np.allclose(short, whole[:16] / np.linalg.norm(whole[:16]), atol=1e-6)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": [[]]}, "input[0]"),
        ({"input": [10**6]}, "input"),
        ({"input": "word " * 600}, "input"),
        ({"input": "a", "dimensions": 65}, "dimensions"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": ["a"] * 2049}, "input"),
    ],
    ids=str,
)
def test_bad_input_is_refused_by_name(embedder: LiveServer, body: object, param: str) -> None:
    status, answer, _ = embedder.post("/v1/embeddings", body)
    assert status == 400, answer
    assert answer["error"]["param"] == param


def test_texts_and_tokens_can_be_looked_at(embedder: LiveServer, embeddings: OpenAI) -> None:
    _, answer, _ = embedder.post("/tokenize", {"content": TEXTS[0], "add_special": True})
    usage = embeddings.embeddings.create(model="tiny-bert", input=TEXTS[0]).usage
    assert len(answer["tokens"]) == usage.prompt_tokens
    _, answer, _ = embedder.post("/tokenize", {"content": TEXTS[0]})
    assert embedder.post("/detokenize", answer)[1] == {"content": TEXTS[0]}
    status, answer, _ = embedder.post("/apply-template", {"messages": [{"role": "user", "content": "Hello"}]})
    assert (status, answer["error"]["param"]) == (400, "model")


def test_a_model_does_only_what_it_is_for(client: OpenAI, embeddings: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="embedding = true") as refusal:
        client.embeddings.create(model="SmolLM2-135M-Instruct", input="Hello")
    assert refusal.value.param == "model"
    with pytest.raises(openai.BadRequestError, match="cannot generate") as refusal:
        embeddings.chat.completions.create(model="tiny-bert", messages=[{"role": "user", "content": "Hello"}])
    assert refusal.value.param == "model"


def test_many_texts_at_once_and_a_client_that_leaves(embedder: LiveServer, embeddings: OpenAI) -> None:
    many = ["word " * 400] * 200
    with RawStream(embedder, {"input": many}, "/v1/embeddings"):
        wait_until(lambda: "engine_up" in metrics(embedder), "the server")
    found = embeddings.embeddings.create(model="tiny-bert", input=["word " * (number % 7 + 1) for number in range(300)])
    assert [each.index for each in found.data] == list(range(300))
    wait_until(lambda: 'num_requests_waiting{model_name="tiny-bert"} 0.0' in metrics(embedder), "nothing to wait")
    assert embedder.is_ready()


def test_too_many_tokens_are_an_overload(embedder: LiveServer, embeddings: OpenAI) -> None:
    filling = {"input": ["word " * 450] * 2000}
    with RawStream(embedder, filling, "/v1/embeddings"):
        wait_until(lambda: waiting(embedder) > 0, "texts that wait")
        status, answer, headers = embedder.post("/v1/embeddings", {"input": ["word " * 400] * 200})
    assert (status, answer["error"]["code"]) == (429, "rate_limit_exceeded"), json.dumps(answer)[:300]
    assert float(headers["retry-after"]) > 0


def metrics(server: LiveServer) -> str:
    with urllib.request.urlopen(f"{server.origin}/metrics") as response:
        return str(response.read().decode())


def waiting(server: LiveServer) -> float:
    name = 'parley:num_requests_waiting{model_name="tiny-bert"} '
    return float(metrics(server).partition(name)[2].split("\n")[0])
