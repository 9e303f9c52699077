"""The questions that a vocabulary alone can answer: the tokens of a text, and how tokens are written.

It does not know who asks, or whether the model generates or embeds.
"""

from __future__ import annotations

from typing import Protocol

from server.engine.llama.deep_stack import MAX_WORD_CHARS, WordTooLong
from server.protocol.messages import Question, Rejected, Tokenize, Tokens


class Spelling(Protocol):
    """The part of a vocabulary that this module needs."""

    num_tokens: int

    def tokenize_text(self, text: str, *, parse_special: bool, adds_special: bool) -> list[int]: ...
    def spelled_bytes(self, token: int) -> bytes: ...


def answer(question: Question, vocabulary: Spelling) -> Tokens | Rejected:
    """The tokens asked for, or a rejection of ids that the vocabulary does not have, or of a line that is too long."""
    if isinstance(question, Tokenize):
        try:
            tokens = vocabulary.tokenize_text(
                question.text, parse_special=question.parse_special, adds_special=question.adds_special
            )
        except WordTooLong:
            return Rejected(question.request_id, "word_too_long", limit=MAX_WORD_CHARS)
        if not question.wants_pieces:
            return Tokens(question.request_id, tokens)
    else:
        tokens = question.token_ids
        if not all(0 <= token < vocabulary.num_tokens for token in tokens):
            return Rejected(question.request_id, "invalid_token", limit=vocabulary.num_tokens)
    return Tokens(question.request_id, tokens, list(map(vocabulary.spelled_bytes, tokens)))
