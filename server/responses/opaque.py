"""What clients keep for us without having to understand it: OpenAI's `encrypted_content`, here base64 of JSON.

Nothing is encrypted or signed: it is the client's own conversation.
"""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

T = TypeVar("T")


class SealedText(msgspec.Struct, frozen=True):
    """Reasoning, as it was."""

    text: str


def seal(content: msgspec.Struct) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode()


def unseal(sealed: object, kind: type[T]) -> T | None:
    """What `seal` was given; None for anything else."""
    if not isinstance(sealed, str):
        return None
    try:
        return msgspec.json.decode(base64.b64decode(sealed, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return None


def sealed_text(text: str) -> str:
    return seal(SealedText(text))


def unsealed_text(sealed: object) -> str:
    """Empty for what another server made."""
    found = unseal(sealed, SealedText)
    return found.text if found is not None else ""
