"""Looks at all logits of many rows at once, on several threads.

A core takes 40 us to look at the 150,000 logits of a row. That is nothing beside a pass on a CPU, but much beside one
on a GPU, where the rows of a pass are looked at together. The result is the likeliest token, or the largest logit of
every block of tokens, with which the likeliest tokens are found without looking at most others. Knows logits; it does
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
from server.engine.sampling.candidates import BLOCK, blocks_of

LogitRows = npt.NDArray[np.float32]
"""Logits of several rows, shape (num_rows, n_vocab)."""

ROWS_PER_THREAD = 2
"""Rows for which another thread is worth waking."""

MAX_THREADS = 4
"""Most threads. Waking more takes longer than they save: a step with 32 rows of 152k, on a machine with 16 cores, was
0.7 ms faster with 4 threads than with one, and 0.2 ms with 8."""


class Wanted(Enum):
    """Result that a row is looked at for."""

    NOTHING = 0
    LIKELIEST = 1
    MAXIMA = 2


class Scanned(NamedTuple):
    """Results by the rows' numbers; an entry means nothing where something else was wanted."""

    likeliest: list[int]
    """Token ids."""
    maxima: npt.NDArray[np.float32]
    """Largest logits of the blocks, shape (num_rows, n_vocab // BLOCK)."""


class LogitScan:
    """Scans rows for one thread. The next scan writes over the results."""

    def __init__(self, num_threads: int, max_rows: int, n_vocab: int) -> None:
        self._num_threads = min(num_threads, MAX_THREADS)
        self._pool = ThreadPoolExecutor(max(1, self._num_threads - 1), "logits", initializer=run_anywhere)
        self._likeliest = np.zeros(max_rows, dtype=np.int64)
        self._maxima = np.zeros((max_rows, n_vocab // BLOCK), dtype=np.float32)

    def scan(self, rows: LogitRows, wanted: Sequence[Wanted]) -> Scanned:
        """The wanted result of each row."""
        num_parts = max(1, min(self._num_threads, len(rows) // ROWS_PER_THREAD))
        bounds = [len(rows) * part // num_parts for part in range(num_parts + 1)]
        first, *others = pairwise(bounds)
        awaited: list[Future[None]] = [self._pool.submit(self._scan_part, rows, wanted, *part) for part in others]
        self._scan_part(rows, wanted, *first)
        for part in awaited:
            part.result()
        return Scanned(self._likeliest[: len(rows)].tolist(), self._maxima[: len(rows)])

    def _scan_part(self, rows: LogitRows, wanted: Sequence[Wanted], start: int, end: int) -> None:
        """Scan the rows from `start` to `end`, nearly all the time without Python's lock."""
        for wanted_of_run, numbers in groupby(range(start, end), key=wanted.__getitem__):
            in_run = list(numbers)
            run = slice(in_run[0], in_run[-1] + 1)
            if wanted_of_run is Wanted.LIKELIEST:
                rows[run].argmax(axis=1, out=self._likeliest[run])
            elif wanted_of_run is Wanted.MAXIMA:
                np.maximum.reduce(blocks_of(rows[run]), axis=1, out=self._maxima[run])
