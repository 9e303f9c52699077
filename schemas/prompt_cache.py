"""What a request says about the cache of its prompt: `prompt_cache_key` and `prompt_cache_retention`.

Knows their shapes; what becomes of them is the server's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_KEY_LENGTH = 512

RETENTIONS = ("in_memory", "in-memory", "24h")
"""How long what was computed stays. The second is an older spelling of the first."""


@dataclass(frozen=True)
class PromptCache:
    """What a client said of the cache, if anything."""

    key: str | None = None
    """The client will come back with prompts that begin alike."""
    retention: str | None = None
    """`in_memory` or `24h`."""


def prompt_cache(loaded: Mapping[str, Any]) -> PromptCache:
    """The part of a loaded request that is about the cache."""
    retention: str | None = loaded.get("prompt_cache_retention")
    return PromptCache(loaded.get("prompt_cache_key"), retention.replace("-", "_") if retention else None)
