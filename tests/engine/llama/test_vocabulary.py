"""Vocabularies through llama.cpp: the demo model's, and a SentencePiece one made for the purpose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import llama_cpp.llama_cpp as llama
import pytest

from server.engine.llama import native_log
from server.engine.llama.vocabulary import Vocabulary
from server.models.source import demo_model_path
from server.protocol.values import TextPiece

SPECIAL = ["<unk>", "<s>", "</s>"]
PLAIN = ["\u2581", "<", "s", ">", "/", "h", "i", "<s", "</", "</s", "hi", "\u2581hi"]


def open_vocabulary(path: Path) -> Iterator[Vocabulary]:
    native_log.install()
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(str(path).encode(), params)
    assert model
    yield Vocabulary(llama.llama_model_get_vocab(model))
    llama.llama_model_free(model)


@pytest.fixture(scope="module")
def demo() -> Iterator[Vocabulary]:
    path = demo_model_path()
    assert path is not None
    yield from open_vocabulary(path)


def test_llguidance_has_the_same_tokens(demo: Vocabulary) -> None:
    guided = demo.guidance_tokenizer()
    assert guided.vocab_size == demo.num_tokens
    assert set(guided.eos_tokens) == demo.eog_tokens
    plain = [token for token in range(demo.num_tokens) if not guided.is_special_token(token)]
    assert len(demo.control_spellings()) == demo.num_tokens - len(plain)
    assert all(guided.decode_bytes([token]) == demo.token_bytes(token) for token in plain)


@pytest.fixture(scope="module")
def sentencepiece(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vocabulary]:
    """A vocabulary that merges the characters of "<s>" and "</s>" into the control tokens of these names."""
    path = tmp_path_factory.mktemp("vocabulary") / "spm.gguf"
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *PLAIN]
    types = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    types += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(PLAIN)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(len(token)) for token in tokens])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_array("tokenizer.ggml.suppress_tokens", [5, 7])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    yield from open_vocabulary(path)


def text(content: str) -> list[TextPiece]:
    return [TextPiece(content, parse_special=False)]


def markup(content: str) -> list[TextPiece]:
    return [TextPiece(content, parse_special=True)]


def test_tokens_that_must_never_be_generated_are_those_of_the_file(demo: Vocabulary, sentencepiece: Vocabulary) -> None:
    assert sentencepiece.suppressed_tokens == {5, 7}
    assert demo.suppressed_tokens == frozenset()


def test_control_tokens_are_made_only_where_they_are_parsed(demo: Vocabulary) -> None:
    assert demo.tokenize(markup("<|im_start|>")) == [1]
    assert 1 not in demo.tokenize(text("<|im_start|>"))
    assert demo.text(demo.tokenize(text("<|im_start|>"))) == "<|im_start|>"


def test_pieces_follow_each_other(demo: Vocabulary) -> None:
    pieces = [*markup("<|im_start|>"), *text("<|im_end|>"), *markup("<|im_end|>")]
    tokens = demo.tokenize(pieces)
    assert (tokens[0], tokens[-1]) == (1, 2)
    assert demo.text(tokens) == "<|im_end|>"


def test_text_survives_the_way_there_and_back(demo: Vocabulary) -> None:
    original = "naïve café 漢字 🙂\n\n  spaces\ttabs\u0000nul"
    assert demo.text(demo.tokenize(text(original))) == original


def test_control_tokens_have_a_spelling_and_no_text(demo: Vocabulary) -> None:
    assert (demo.spelling(2), demo.token_bytes(2)) == ("<|im_end|>", b"")
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= set(demo.control_spellings())
    assert demo.eog_tokens >= {0, 2}
    assert demo.infill_spellings() is None


def test_control_tokens_are_shown_by_their_spelling_unless_they_end_a_generation(demo: Vocabulary) -> None:
    assert demo.marker_ids["<|im_start|>"] == 1
    assert demo.shown_tokens(["<|im_start|>", "<|im_end|>", "<|unheard_of|>"]) == {1: b"<|im_start|>"}
    assert demo.shown_tokens([]) == {}


def test_an_empty_prompt_begins_with_the_bos_token(demo: Vocabulary, sentencepiece: Vocabulary) -> None:
    assert demo.tokenize(markup("")) == [demo.bos]
    assert sentencepiece.tokenize(markup("")) == [sentencepiece.bos]


def test_the_bos_token_is_added_once(sentencepiece: Vocabulary) -> None:
    tokens = sentencepiece.tokenize(markup("hi"))
    assert tokens[0] == sentencepiece.bos
    assert sentencepiece.tokenize(markup("<s>hi")).count(sentencepiece.bos) == 1


@pytest.mark.parametrize("spelling", ["<s>", "</s>", "hi<s>hi</s>"])
def test_text_that_merges_into_a_control_token_is_taken_apart(sentencepiece: Vocabulary, spelling: str) -> None:
    tokens = sentencepiece.tokenize(text(spelling))[1:]  # without the BOS token in front
    assert not {0, 1, 2} & set(tokens)
    assert sentencepiece.text(tokens).replace(" ", "") == spelling


def test_a_document_has_what_the_model_wants_around_it(demo: Vocabulary, sentencepiece: Vocabulary) -> None:
    plain = sentencepiece.tokenize_text("hi", parse_special=False, adds_special=False)
    assert sentencepiece.tokenize_text("hi", parse_special=False, adds_special=True) == [sentencepiece.bos, *plain]
    assert sentencepiece.tokenize_text("", parse_special=False, adds_special=True) == [sentencepiece.bos]
    assert demo.tokenize_text("hi", parse_special=False, adds_special=True) == demo.tokenize(text("hi"))
    assert demo.tokenize_text("", parse_special=True, adds_special=False) == []


def test_every_token_is_written_as_llama_cpp_writes_it(demo: Vocabulary) -> None:
    tokens = demo.tokenize_text("<|im_start|>é🙂", parse_special=True, adds_special=False)
    assert b"".join(map(demo.spelled_bytes, tokens)) == "<|im_start|>é🙂".encode()
    assert demo.spelled_bytes(1) == b"<|im_start|>"
    assert demo.token_bytes(1) == b""
