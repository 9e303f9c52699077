"""Looks at all logits of many rows at once, on several threads.

A core takes 40 us to look at the 150,000 logits of a row. That is nothing beside a pass on a CPU, but not beside one on
a GPU, where the rows of a pass are looked at together. What is found is the likeliest token, or the largest logit of
every block of tokens: who knows these finds the likeliest tokens without looking at most others. Knows logits; it does
not know what is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from server.engine.affinity import run_anywhere

Logits = npt.NDArray[np.float32]
"""Shape (n_vocab,); a view into llama.cpp's output of one row, valid until the next forward pass."""

LogitRows = npt.NDArray[np.float32]
"""Shape (num_rows, n_vocab)."""

Maxima = npt.NDArray[np.float32]
"""Shape (n_vocab // BLOCK,): the largest logit of each block of a row."""

BLOCK = 64
"""Tokens of a block, unless it is said otherwise."""

ROWS_PER_THREAD = 2
"""Another thread is not worth waking for fewer."""

MAX_THREADS = 4
"""Waking more takes longer than what they save. On a machine with 16 cores, 32 rows of 152k took 1.3 ms less with 4
threads than with one, and no less with 6 or 8."""


def blocks_of(logits: npt.NDArray[np.float32], size: int = BLOCK) -> npt.NDArray[np.float32]:
    """Blocks of `size` logits, shape (..., size, n_vocab // size): each is a column, and the last few are in none."""
    num_blocks = logits.shape[-1] // size
    return logits[..., : size * num_blocks].reshape(*logits.shape[:-1], size, num_blocks)


def largest(logits: Logits, maxima: Maxima) -> np.float32:
    """What `logits.max()` says."""
    rest = logits[BLOCK * len(maxima) :]
    return np.float32(np.maximum(maxima.max(initial=-np.inf), rest.max(initial=-np.inf)))


class Wanted(Enum):
    """What a row is looked at for."""

    NOTHING = 0
    LIKELIEST = 1
    MAXIMA = 2


class Scanned(NamedTuple):
    """By the rows' numbers; it means nothing where something else was wanted."""

    likeliest: list[int]
    """Tokens."""
    maxima: npt.NDArray[np.float32]
    """Shape (num_rows, n_vocab // BLOCK)."""


class LogitScan:
    """To be used on one thread. What it finds is written over at the next time."""

    def __init__(self, num_threads: int, max_rows: int, n_vocab: int) -> None:
        self._num_threads = min(num_threads, MAX_THREADS)
        self._pool = ThreadPoolExecutor(max(1, self._num_threads - 1), "logits", initializer=run_anywhere)
        self._likeliest = np.zeros(max_rows, dtype=np.int64)
        self._maxima = np.zeros((max_rows, n_vocab // BLOCK), dtype=np.float32)

    def scan(self, rows: LogitRows, wanted: Sequence[Wanted]) -> Scanned:
        """Of each row, what is wanted of it."""
        num_parts = max(1, min(self._num_threads, len(rows) // ROWS_PER_THREAD))
        bounds = [len(rows) * part // num_parts for part in range(num_parts + 1)]
        first, *others = pairwise(bounds)
        awaited: list[Future[None]] = [self._pool.submit(self._scan_part, rows, wanted, *part) for part in others]
        self._scan_part(rows, wanted, *first)
        for part in awaited:
            part.result()
        return Scanned(self._likeliest[: len(rows)].tolist(), self._maxima[: len(rows)])

    def _scan_part(self, rows: LogitRows, wanted: Sequence[Wanted], start: int, end: int) -> None:
        """Without Python's lock, but for a few microseconds."""
        for wanted_of_run, numbers in groupby(range(start, end), key=wanted.__getitem__):
            in_run = list(numbers)
            run = slice(in_run[0], in_run[-1] + 1)
            if wanted_of_run is Wanted.LIKELIEST:
                rows[run].argmax(axis=1, out=self._likeliest[run])
            elif wanted_of_run is Wanted.MAXIMA:
                np.maximum.reduce(blocks_of(rows[run]), axis=1, out=self._maxima[run])
