"""scripts/make_model: the files it writes are models to llama.cpp, with the demo model's tokenizer."""

from __future__ import annotations

import ctypes
import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from click.testing import CliRunner

from scripts.benchmarks.models.make_model import main, make_model, padding, tokenizer_source, weights
from scripts.benchmarks.models.shapes import SHAPES, BadShape, Shape

TINY = SHAPES["tiny"]
TEXT = "The capital of France is Paris.\n<|im_start|>user\nnaïve café 漢字 🙂 1234<|im_end|>\n"


@contextmanager
def loaded(path: Path, vocab_only: bool = False) -> Iterator[llama_cpp.llama_model_p]:
    """The model as llama.cpp's low-level API sees it."""
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = vocab_only
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    assert model is not None
    try:
        yield model
    finally:
        llama_cpp.llama_model_free(model)


def tokenize(model: llama_cpp.llama_model_p, text: str) -> list[int]:
    vocab = llama_cpp.llama_model_get_vocab(model)
    assert vocab is not None
    data = text.encode()
    tokens = (llama_cpp.llama_token * 256)()
    length = llama_cpp.llama_tokenize(vocab, data, len(data), tokens, len(tokens), True, True)
    return tokens[:length]


def greedy_tokens(model: llama_cpp.llama_model_p, prompt: list[int], num_tokens: int) -> list[int]:
    """What the model says, decoded for real."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = 64
    params.n_threads = params.n_threads_batch = 1
    context = llama_cpp.llama_init_from_model(model, params)
    vocab = llama_cpp.llama_model_get_vocab(model)
    assert context is not None
    assert vocab is not None
    n_vocab = llama_cpp.llama_vocab_n_tokens(vocab)
    said: list[int] = []
    pending = prompt
    for _ in range(num_tokens):
        tokens = (llama_cpp.llama_token * len(pending))(*pending)  # the batch only points there
        assert llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(tokens, len(pending))) == 0
        logits = ctypes.cast(llama_cpp.llama_get_logits_ith(context, -1), ctypes.POINTER(ctypes.c_float))
        values = logits[:n_vocab]
        pending = [values.index(max(values))]
        said += pending
    llama_cpp.llama_free(context)
    return said


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """llama.cpp prints thousands of lines about models otherwise."""
    logger = logging.getLogger("llama-cpp-python")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    make_model(path, TINY)
    return path


def test_the_file_is_a_model_of_that_shape(tiny_model: Path) -> None:
    with loaded(tiny_model) as model:
        assert llama_cpp.llama_model_n_layer(model) == TINY.n_layer
        assert llama_cpp.llama_model_n_embd(model) == TINY.n_embd
        assert llama_cpp.llama_model_n_head_kv(model) == TINY.n_head_kv
        assert llama_cpp.llama_model_n_ctx_train(model) == TINY.n_ctx_train


def test_it_tokenizes_like_the_demo_model(tiny_model: Path) -> None:
    with loaded(tokenizer_source(), vocab_only=True) as demo:
        expected = tokenize(demo, TEXT)
    with loaded(tiny_model) as model:
        assert tokenize(model, TEXT) == expected
    assert len(expected) > 10


def test_it_has_the_demo_models_chat_template_and_end_of_turn(tiny_model: Path) -> None:
    with loaded(tokenizer_source(), vocab_only=True) as demo, loaded(tiny_model) as model:
        assert llama_cpp.llama_model_chat_template(model, None) == llama_cpp.llama_model_chat_template(demo, None)
        for vocab in map(llama_cpp.llama_model_get_vocab, (demo, model)):
            assert vocab is not None
            assert llama_cpp.llama_vocab_eos(vocab) == 2


def test_nothing_but_the_model_is_left_in_its_directory(tiny_model: Path) -> None:
    assert [path.name for path in tiny_model.parent.iterdir()] == ["tiny.gguf"]


def test_the_same_seed_writes_the_same_bytes(tiny_model: Path, tmp_path: Path) -> None:
    make_model(tmp_path / "tiny.gguf", TINY)
    assert (tmp_path / "tiny.gguf").read_bytes() == tiny_model.read_bytes()


def test_another_seed_makes_other_weights() -> None:
    one, other = (weights("blk.0.attn_q.weight", (8, 8), np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("is_tied", [True, False])
def test_a_qwen2_model_with_a_padded_vocabulary_decodes(tmp_path: Path, is_tied: bool) -> None:
    shape = dataclasses.replace(TINY, architecture="qwen2", n_vocab=50_001, quantization="Q4_0", is_tied=is_tied)
    make_model(tmp_path / "padded.gguf", shape)
    with loaded(tmp_path / "padded.gguf") as model:
        vocab = llama_cpp.llama_model_get_vocab(model)
        assert vocab is not None
        assert llama_cpp.llama_vocab_n_tokens(vocab) == 50_001
        assert llama_cpp.llama_vocab_get_text(vocab, 50_000) == b"[50000]"
        assert tokenize(model, "[50000]") != [50_000]
        said = greedy_tokens(model, tokenize(model, TEXT), 3)
        assert all(0 <= token < 50_001 for token in said)


def test_the_output_depends_on_the_prompt(tiny_model: Path) -> None:
    with loaded(tiny_model) as model:
        assert len({tuple(greedy_tokens(model, [token], 4)) for token in (1_000, 2_000, 3_000)}) > 1


def test_a_vocabulary_smaller_than_the_tokenizers_is_refused_with_both_numbers() -> None:
    with pytest.raises(BadShape, match=r"n_vocab = 2, but the tokenizer itself has 3"):
        padding(["a", "b", "c"], 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"n_head": 5}, "n_embd = 64"), ({"n_head_kv": 3}, "n_head = 4"), ({"n_embd": 4}, "must be even")],
)
def test_numbers_that_contradict_each_other_are_named(change: dict[str, int], message: str) -> None:
    with pytest.raises(BadShape, match=message):
        dataclasses.replace(TINY, **change)  # type: ignore[arg-type]


def test_the_command_changes_single_numbers_of_a_shape(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    result = CliRunner().invoke(main, [str(path), "--shape", "tiny", "--layers", "1", "--quantization", "F16"])
    assert result.exit_code == 0, result.output
    assert "llama, F16" in result.output
    with loaded(path) as model:
        assert llama_cpp.llama_model_n_layer(model) == 1


def test_the_command_gives_the_model_another_chat_template(tmp_path: Path) -> None:
    template = tmp_path / "short.jinja"
    template.write_text("{{ messages }} ünd")
    path = tmp_path / "model.gguf"
    result = CliRunner().invoke(main, [str(path), "--shape", "tiny", "--chat-template", str(template)])
    assert result.exit_code == 0, result.output
    with loaded(path, vocab_only=True) as model:
        assert llama_cpp.llama_model_chat_template(model, None) == "{{ messages }} ünd".encode()


def test_the_command_writes_an_adapter_for_a_shape(tmp_path: Path) -> None:
    make_model(tmp_path / "model.gguf", TINY)
    result = CliRunner().invoke(main, [str(tmp_path / "lora.gguf"), "--shape", "tiny", "--lora", "4"])
    assert result.exit_code == 0, result.output
    assert "LoRA of rank 4" in result.output
    with loaded(tmp_path / "model.gguf") as model:
        assert llama_cpp.llama_adapter_lora_init(model, str(tmp_path / "lora.gguf").encode())


def test_the_command_says_what_is_wrong_with_a_shape(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path / "model.gguf"), "--shape", "tiny", "--n-head", "7"])
    assert result.exit_code == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_named_shape_holds_the_demo_models_vocabulary(shape: Shape) -> None:
    assert shape.n_vocab >= TINY.n_vocab
