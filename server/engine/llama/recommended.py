"""The sampling params that a model's file recommends: GGUF's `general.sampling.*`.

Files are made by many hands: a value that makes no sense is logged and left out. Knows names and ranges only.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

logger = logging.getLogger(__name__)

_RANGES = {
    "temp": ("temperature", 0, 100),
    "top_k": ("top_k", 0, 2**31 - 1),
    "top_p": ("top_p", 0, 1),
    "min_p": ("min_p", 0, 1),
    "xtc_probability": ("xtc_probability", 0, 1),
    "xtc_threshold": ("xtc_threshold", 0, 1),
    "penalty_last_n": ("penalty_last_n", 0, 2**31 - 1),
    "penalty_repeat": ("repeat_penalty", 0.01, 100),
    "mirostat": ("mirostat", 0, 2),
    "mirostat_tau": ("mirostat_tau", 0, 100),
    "mirostat_eta": ("mirostat_eta", 0, 1),
}
"""Our name, least and greatest value of each param, by GGUF's name."""


def recommended_sampling(read: Callable[[str], str]) -> dict[str, float]:
    """Recommended params by the names of `SamplingParams`. `read` returns a metadata key's text, empty if there is
    none."""
    found: dict[str, float] = {}
    for key, (name, least, greatest) in _RANGES.items():
        if text := read(f"general.sampling.{key}"):
            value = _number(text)
            if least <= value <= greatest:
                found[name] = value
            else:
                logger.warning("the model's file recommends %s = %s, which makes no sense; ignored", key, text)
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
