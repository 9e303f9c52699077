"""`POST /tokenize`, `/detokenize` and `/apply-template`: answers in llama-server's words."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class TokenPiece(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A token with its text, or with its bytes where they are not whole characters."""

    id: int
    piece: str | list[int]


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of a text: ids, or objects where their pieces are wanted."""

    tokens: Sequence[int | TokenPiece]


class Detokenized(msgspec.Struct, frozen=True, kw_only=True):
    """The text of tokens."""

    content: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """The text that a chat template makes of a conversation."""

    prompt: str
