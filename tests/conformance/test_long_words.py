"""Words that no person writes, to a model whose pre-tokenizer calls itself for every character of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from scripts.benchmarks.models.make_model import make_model
from scripts.benchmarks.models.shapes import SHAPES
from tests.live_server import LiveServer

NUM_CHARS = 100_000
N_CTX = 2048


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    path = tmp_path_factory.mktemp("models") / "tekken.gguf"
    make_model(path, replace(SHAPES["tiny"], pre_tokenizer="tekken"))
    with LiveServer(model=path, n_ctx=N_CTX) as server:
        yield server


@pytest.mark.parametrize("unit", ["a", " ", "7", "漢", "\n"], ids=["letter", "space", "digit", "han", "newline"])
def test_a_word_of_a_hundred_thousand_characters_leaves_the_engine_alive(server: LiveServer, unit: str) -> None:
    engine, word = server.engine, unit * NUM_CHARS
    status, answer, _ = server.post("/tokenize", {"content": word})
    assert status == 200, answer
    num_tokens = len(answer["tokens"])
    assert num_tokens > 1000
    expected = 200 if num_tokens < N_CTX else 400
    status, answer, _ = server.post("/v1/completions", {"prompt": word, "max_tokens": 1})
    assert status == expected, answer
    messages = [{"role": "user", "content": f"a{word}a"}]
    status, answer, _ = server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 1})
    assert status == expected, answer
    assert server.engine == engine


@pytest.mark.parametrize("num_chars", [5_000, 18_000, NUM_CHARS])
def test_a_schema_with_such_a_word_leaves_the_engine_alive(server: LiveServer, num_chars: int) -> None:
    engine = server.engine
    schema = {"type": "object", "properties": {"a": {"const": "a" * num_chars}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 50, "response_format": wanted}
    status, answer, _ = server.post("/v1/chat/completions", body)
    assert status in (200, 400), answer
    assert server.engine == engine


def test_a_hopeless_line_is_refused_before_it_is_tokenized(server: LiveServer) -> None:
    engine = server.engine
    status, answer, _ = server.post("/v1/completions", {"prompt": " " * 2_000_001, "max_tokens": 1})
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded"), "by what a part of it has for tokens"
    assert server.engine == engine
