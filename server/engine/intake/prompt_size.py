"""About how many tokens a very long text has, from a few slices of it.

Tokenizing takes longer than in proportion to the length: minutes for the longest text that a request may bring, while
others wait. It can be said much sooner that a text is far too long. This module does not know what is too long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.protocol.values import TextPiece

SLICE_CHARS = 8_192
"""Characters of a slice."""

NUM_SLICES = 5
"""Number of slices: at the beginning, at the end and evenly between. Texts are rarely of one kind all the way."""

MIN_CHARS = 100_000
"""Characters up to which tokenizing takes only a moment."""

SAFETY = 4.0
"""Multiple of the context's length from which a text is too long without doubt, by the slice with the longest
tokens."""


def num_tokens_if_hopeless(
    pieces: Sequence[TextPiece], n_ctx: int, tokenize: Callable[[list[TextPiece]], list[int]]
) -> int | None:
    """About how many tokens there are if there are certainly more than `n_ctx`; otherwise None."""
    num_chars = sum(len(piece.text) for piece in pieces)
    if num_chars <= MIN_CHARS:
        return None
    longest = max(pieces, key=lambda piece: len(piece.text)).text
    last = max(0, len(longest) - SLICE_CHARS)
    starts = [last * index // (NUM_SLICES - 1) for index in range(NUM_SLICES)]
    slices = [longest[start : start + SLICE_CHARS] for start in starts]
    counts = [len(tokenize([TextPiece(text, parse_special=False)])) for text in slices]
    chars_per_token = [len(text) / max(1, count) for text, count in zip(slices, counts, strict=True)]
    if num_chars / max(chars_per_token) < SAFETY * n_ctx:
        return None
    return int(num_chars * sum(counts) / sum(map(len, slices)))
