"""Texts that are far too long are recognised by a few slices of them."""

from __future__ import annotations

from server.engine.intake.prompt_size import MIN_CHARS, NUM_SLICES, SLICE_CHARS, num_tokens_if_hopeless
from server.protocol.values import TextPiece


class Words:
    """A tokenizer of words that counts what it has read."""

    def __init__(self) -> None:
        self.num_chars = 0

    def tokenize(self, pieces: list[TextPiece]) -> list[int]:
        self.num_chars += sum(len(piece.text) for piece in pieces)
        return [0] * sum(len(piece.text.split()) for piece in pieces)


def pieces(text: str) -> list[TextPiece]:
    return [TextPiece("<|user|>", parse_special=True), TextPiece(text, parse_special=False)]


def test_a_text_that_is_far_too_long_is_counted_about() -> None:
    words = Words()
    about = num_tokens_if_hopeless(pieces("word " * 1_000_000), 1000, words.tokenize)
    assert about is not None
    assert abs(about - 1_000_000) < 10_000
    assert words.num_chars == NUM_SLICES * SLICE_CHARS


def test_a_text_that_may_fit_is_not_judged() -> None:
    assert num_tokens_if_hopeless(pieces("word " * 100_000), 50_000, Words().tokenize) is None
    assert num_tokens_if_hopeless(pieces("w " * (MIN_CHARS // 4)), 16, Words().tokenize) is None


def test_long_tokens_in_one_place_are_enough_for_doubt() -> None:
    text = "word " * 100_000 + "w" * 500_000
    assert num_tokens_if_hopeless(pieces(text), 1000, Words().tokenize) is None
