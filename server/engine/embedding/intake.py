"""Turns submitted messages into texts that are known to fit an embedding model, off the engine's thread.

It does not know how texts are batched, or what becomes of their vectors.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from server.engine.embedding.engine import EmbeddingRequest
from server.engine.intake.questions import Spelling, answer
from server.engine.llama.deep_stack import MAX_WORD_CHARS, WordTooLong
from server.protocol.messages import Accepted, Embed, Question, Rejected, Submission, Tokens


class DocumentTokenizer(Spelling, Protocol):
    """The part of a vocabulary that this intake needs."""

    def tokenize_document(self, text: str) -> list[int]:
        """Token ids of a text, with the tokens at beginning and end that the model was trained with."""
        ...


class EmbeddingIntake:
    """Checks and tokenizes texts for a model that takes up to `n_ctx` tokens at once."""

    def __init__(self, tokenizer: DocumentTokenizer, n_ctx: int, embedding_length: int) -> None:
        self._tokenizer = tokenizer
        self._n_ctx = n_ctx
        self._embedding_length = embedding_length

    def prepare(
        self, owner: Hashable, submit: Submission, arrived: float
    ) -> tuple[EmbeddingRequest, Accepted] | Rejected:
        """A request with the answer for the case that it is queued, or the reason why there will be none."""
        assert isinstance(submit, Embed), "this model embeds"
        n_vocab = self._tokenizer.num_tokens
        if not all(0 <= token < n_vocab for tokens in submit.token_ids for token in tokens):
            return Rejected(submit.request_id, "invalid_token", limit=n_vocab)
        if submit.dimensions is not None and submit.dimensions > self._embedding_length:
            return Rejected(submit.request_id, "invalid_dimensions", limit=self._embedding_length)
        try:
            texts = submit.token_ids or [self._tokenizer.tokenize_document(text) for text in submit.texts]
        except WordTooLong:
            return Rejected(submit.request_id, "word_too_long", limit=MAX_WORD_CHARS)
        longest = max(map(len, texts))
        if longest > self._n_ctx:
            return Rejected(submit.request_id, "context_length_exceeded", longest, self._n_ctx)
        if not all(texts):
            return Rejected(submit.request_id, "empty_prompt")
        request = EmbeddingRequest(owner, submit.request_id, texts, submit.dimensions, submit.queue_key, arrived)
        return request, Accepted(submit.request_id, sum(map(len, texts)))

    def answer(self, question: Question) -> Tokens | Rejected:
        """The vocabulary's answer."""
        return answer(question, self._tokenizer)

    def has_slow_part(self, submit: Submission, request: EmbeddingRequest) -> bool:
        return False

    def prepare_slow_part(self, submit: Submission, request: EmbeddingRequest) -> EmbeddingRequest | Rejected:
        return request
