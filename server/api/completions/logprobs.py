"""OpenAI's `logprobs` of a choice of `POST /v1/completions`: four columns, a row for each token."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Any

import msgspec

from server.protocol.values import TokenLogprob

Columns = dict[str, list[Any] | None]


class ChoiceLogprobs:
    """Follows one choice from token to token, and knows in which character each begins."""

    def __init__(self, echo: str, num_top: int, scored_prompt: ScoredPrompt | None = None) -> None:
        self._num_top = num_top
        self._echo = echo
        self._scored_prompt = scored_prompt
        self._num_scored_left = scored_prompt.num_tokens - 1 if scored_prompt else 0
        self._offset = 0 if scored_prompt else len(echo)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def first(self) -> Columns | None:
        """The row of the prompt's first token, which nothing comes before: it has no logprob."""
        if self._scored_prompt is None:
            return None
        text = _text(self._scored_prompt.first_token_bytes)
        self._pass(self._scored_prompt.first_token_bytes)
        if not self._num_scored_left:
            self._go_on_at(len(self._echo))
        tops = [None] if self._num_top else None
        return {"tokens": [text], "token_logprobs": [None], "top_logprobs": tops, "text_offset": [0]}

    def columns(self, logprobs: Iterable[TokenLogprob]) -> Columns:
        """The rows of the next tokens."""
        tokens, offsets, values, tops = [], [], [], []
        for logprob in logprobs:
            tokens.append(_text(logprob.token_bytes))
            offsets.append(self._offset)
            values.append(logprob.logprob)
            tops.append(_top(logprob))
            self._pass(logprob.token_bytes)
            self._leave_prompt()
        wanted = tops if self._num_top else None
        return {"tokens": tokens, "token_logprobs": values, "top_logprobs": wanted, "text_offset": offsets}

    def _pass(self, token_bytes: bytes) -> None:
        """Move on by the characters that a token completes: one that is split over tokens counts once.

        By the tokens, not by the text: a part of the last token's text may still be held back.
        """
        self._offset += len(self._decoder.decode(token_bytes))

    def _go_on_at(self, offset: int) -> None:
        self._decoder.reset()
        self._offset = offset

    def _leave_prompt(self) -> None:
        """After the prompt's last token the text goes on where the echo ends, which may differ from its tokens."""
        if self._num_scored_left:
            self._num_scored_left -= 1
            if not self._num_scored_left:
                self._go_on_at(len(self._echo))


class ScoredPrompt(msgspec.Struct, frozen=True):
    """A prompt whose logprobs are wanted."""

    num_tokens: int
    first_token_bytes: bytes


class JoinedColumns:
    """Columns as JSON, lengthened piece by piece: as objects, those of many choices would fill the memory."""

    def __init__(self) -> None:
        self._columns: dict[str, bytearray | None] = {}

    def extend(self, columns: Columns) -> None:
        for name, values in columns.items():
            column = self._columns.setdefault(name, None if values is None else bytearray())
            if column is not None and values:
                column += b"," * bool(column) + msgspec.json.encode(values)[1:-1]

    def as_json(self) -> msgspec.Raw | None:
        """The object; null if there was never a row."""
        if not self._columns:
            return None
        fields = (
            b'"%s":%s' % (name.encode(), b"null" if column is None else b"[" + column + b"]")
            for name, column in self._columns.items()
        )
        return msgspec.Raw(b"{" + b",".join(fields) + b"}")


def _top(logprob: TokenLogprob) -> dict[str, float]:
    """By text; where several tokens have the same, the likeliest. The chosen one is always there."""
    top: dict[str, float] = {}
    for _, token_bytes, value in logprob.top:
        top.setdefault(_text(token_bytes), value)
    top.setdefault(_text(logprob.token_bytes), logprob.logprob)
    return top


def _text(token_bytes: bytes) -> str:
    return token_bytes.decode(errors="replace")
