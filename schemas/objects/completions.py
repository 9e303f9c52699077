"""`POST /v1/completions`: a completion as a whole or as a chunk of a stream, which OpenAI does not tell apart.

Logprobs are JSON already: as objects, those of many choices would fill the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from schemas.objects.usage import CompletionUsage


class TextChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the completions that were asked for, or more of it."""

    text: str
    index: int
    logprobs: msgspec.Raw | None
    finish_reason: str | None


class TextCompletion(msgspec.Struct, frozen=True, kw_only=True):
    """A completion, or a chunk of one. Without choices it is the beginning that all chunks of a stream share."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: Sequence[TextChoice] | msgspec.UnsetType = msgspec.UNSET
    usage: CompletionUsage | msgspec.UnsetType | None = msgspec.UNSET
    """In a stream only in the last chunk, if the client asked for it; null in those before it then."""
