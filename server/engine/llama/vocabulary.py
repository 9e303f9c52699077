"""The model's vocabulary: text to token ids, token ids to bytes, and which tokens are special.

All calls are read-only and thread-safe (llama.h), and ctypes releases the interpreter lock. So a prompt may be
tokenized while the model computes. Knows nothing of contexts, slots or requests.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cached_property

import llama_cpp.llama_cpp as llama
from llguidance import LLTokenizer

from server.engine.grammar.trial import SPECIAL_MARK
from server.engine.llama.deep_stack import call_deep
from server.protocol.values import TextPiece

ATTR_UNKNOWN = 1 << 0
"""Attribute of the unknown token in `enum llama_token_attr`."""

ATTR_CONTROL = 1 << 3
"""Attribute of tokens that llama.cpp makes from text only when told to parse special tokens."""
ATTR_USER_DEFINED = 1 << 4
"""Attribute of tokens that the model's makers added to the vocabulary; made from text like others, but before them."""

MAX_PIECE_BYTES = 256
"""Bytes of a token's spelling for which there is room at first."""


class Vocabulary:
    """A view of a loaded model's `llama_vocab`; valid as long as the model is."""

    def __init__(self, pointer: object) -> None:
        self._pointer = pointer
        self.num_tokens: int = llama.llama_vocab_n_tokens(pointer)
        self.bos: int = llama.llama_vocab_bos(pointer)
        self.eos: int = llama.llama_vocab_eos(pointer)
        self.adds_bos: bool = llama.llama_vocab_get_add_bos(pointer)
        self.eog_tokens = frozenset(
            token for token in range(self.num_tokens) if llama.llama_vocab_is_eog(pointer, token)
        )
        num_suppressed = ctypes.c_int32()
        suppressed = llama.llama_vocab_get_suppress_tokens(pointer, ctypes.byref(num_suppressed))
        self.suppressed_tokens = frozenset(suppressed[index] for index in range(num_suppressed.value))
        """Tokens that must never be generated, according to the model's file."""
        self._control_tokens = frozenset(
            token
            for token in range(self.num_tokens)
            if llama.llama_vocab_get_attr(pointer, token) & (ATTR_CONTROL | ATTR_UNKNOWN)
        )
        self._bytes_by_token: dict[int, bytes] = {}
        self._spelled_bytes_by_token: dict[int, bytes] = {}

    def tokenize(self, pieces: Sequence[TextPiece]) -> list[int]:
        """Token ids of a prompt, with the BOS token in front where the model wants it and the text has none.

        An empty prompt begins a new document, with the BOS token if there is one.
        """
        tokens = [token for piece in pieces for token in self._tokenize_piece(piece)]
        needs_bos = self.adds_bos and tokens[:1] != [self.bos]
        if self.bos >= 0 and (needs_bos or not tokens):
            return [self.bos, *tokens]
        return tokens

    def tokenize_document(self, text: str) -> list[int]:
        """Token ids of a text that stands for itself, with the model's tokens for beginning and end ([CLS])."""
        return self._tokenize_text(text, parse_special=False, adds_special=True)

    def tokenize_text(self, text: str, *, parse_special: bool, adds_special: bool) -> list[int]:
        """Token ids of a text as they would stand in a prompt; with `adds_special`, those that frame one are added."""
        tokens = self._tokenize_piece(TextPiece(text, parse_special))
        before, after = self._frame if adds_special else ([], [])
        return [*before, *tokens, *after]

    def token_bytes(self, token: int) -> bytes:
        """Bytes of a token's text; empty for control tokens. Not always whole UTF-8 characters."""
        known = self._bytes_by_token.get(token)
        if known is None:
            known = self._bytes_by_token[token] = self._read_bytes(token, special=False)
        return known

    def spelled_bytes(self, token: int) -> bytes:
        """Bytes of a token's spelling, control tokens included. Not always whole UTF-8 characters."""
        known = self._spelled_bytes_by_token.get(token)
        if known is None:
            known = self._spelled_bytes_by_token[token] = self._read_bytes(token, special=True)
        return known

    def spelling(self, token: int) -> str:
        """Spelling of a token, control tokens included; empty where the model has no such token."""
        return self._read_bytes(token, special=True).decode(errors="replace") if token >= 0 else ""

    def text(self, tokens: Sequence[int]) -> str:
        """Text of a prompt without its control tokens."""
        return b"".join(map(self.token_bytes, tokens)).decode(errors="replace")

    def control_spellings(self) -> list[str]:
        """Spellings that would become control tokens if they were parsed in a user's text."""
        return sorted({spelling for token in self._control_tokens if (spelling := self.spelling(token))})

    @cached_property
    def marker_ids(self) -> dict[str, int]:
        """Ids by spelling of the tokens that stand for something by themselves: control tokens and added ones."""
        attributes = ATTR_CONTROL | ATTR_USER_DEFINED
        markers = (
            token for token in range(self.num_tokens) if llama.llama_vocab_get_attr(self._pointer, token) & attributes
        )
        return {self.spelling(token): token for token in markers}

    def shown_tokens(self, spellings: Sequence[str]) -> dict[int, bytes]:
        """Bytes to write for the control tokens of these spellings. EOG tokens and unknown spellings are left out."""
        found = {self.marker_ids[spelling]: spelling.encode() for spelling in spellings if spelling in self.marker_ids}
        return {token: spelling for token, spelling in found.items() if token not in self.eog_tokens}

    def infill_spellings(self) -> tuple[str, str, str] | None:
        """Spellings of the infill tokens (prefix, suffix, middle), if the model has all three."""
        tokens = (
            llama.llama_vocab_fim_pre(self._pointer),
            llama.llama_vocab_fim_suf(self._pointer),
            llama.llama_vocab_fim_mid(self._pointer),
        )
        if min(tokens) < 0:
            return None
        prefix, suffix, middle = map(self.spelling, tokens)
        return prefix, suffix, middle

    def guidance_tokenizer(self) -> LLTokenizer:
        """The vocabulary in llguidance's form, which takes a tenth of a second or three to make.

        A token has the bytes that the detokenizer makes of it, so a client gets the text that a grammar allows. Control
        tokens become special there: a grammar can ask for one by name, and no text in it can mean one.
        """
        tokenize = ctypes.cast(llama._lib.llama_tokenize, ctypes.c_void_p).value
        make = LLTokenizer.from_llamacpp  # type: ignore[attr-defined]  # llguidance.llamacpp calls it, the stub lacks it
        tokenizer: LLTokenizer = make(
            tokens=self.guidance_pieces(),
            vocab_ptr=self._pointer,
            tokenize_fptr=tokenize,
            eos_token=sorted(self.eog_tokens),
        )
        return tokenizer

    def guidance_pieces(self) -> list[bytes]:
        """Bytes by which llguidance knows each token: its text, or a mark and its spelling if it is a control token."""
        return [self._guidance_bytes(token) for token in range(self.num_tokens)]

    def _guidance_bytes(self, token: int) -> bytes:
        if token in self._control_tokens:
            return SPECIAL_MARK + self._read_bytes(token, special=True)
        return self._read_bytes(token, special=False)

    def _tokenize_piece(self, piece: TextPiece) -> list[int]:
        tokens = self._tokenize_text(piece.text, piece.parse_special)
        if piece.parse_special or self._control_tokens.isdisjoint(tokens):
            return tokens
        # SentencePiece looks merged characters up by their text, and so finds control tokens in plain text.
        return [part for token in tokens for part in self._plain_tokens(token)]

    @cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        """Token ids that the model wants before and after a document, such as [CLS] and [SEP]."""
        plain, framed = self._tokenize_text("a", False), self._tokenize_text("a", False, adds_special=True)
        start = next(i for i in range(len(framed)) if framed[i : i + len(plain)] == plain)
        return framed[:start], framed[start + len(plain) :]

    def _plain_tokens(self, token: int) -> list[int]:
        """The token itself, or for a control token the tokens of its spelling's characters, one by one."""
        if token not in self._control_tokens:
            return [token]
        characters = (self._tokenize_text(character, parse_special=False) for character in self.spelling(token))
        return [part for tokens in characters for part in tokens if part not in self._control_tokens]

    def _tokenize_text(self, content: str, parse_special: bool, adds_special: bool = False) -> list[int]:
        text = content.encode()
        capacity = len(text) + 8  # a token is a byte at least; a few more for a space prefix
        buffer = (llama.llama_token * capacity)()

        def tokenize() -> int:
            return int(
                llama.llama_tokenize(self._pointer, text, len(text), buffer, capacity, adds_special, parse_special)
            )

        count = call_deep(content, tokenize)
        if count < 0:
            raise ValueError(f"llama.cpp needs room for {-count} tokens for {len(text)} bytes")
        return buffer[:count]

    def _read_bytes(self, token: int, special: bool) -> bytes:
        capacity = MAX_PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(capacity)
            count = llama.llama_token_to_piece(self._pointer, token, buffer, capacity, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            capacity = -count
