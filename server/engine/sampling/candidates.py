"""The tokens that may come next, and the filters that make them fewer: top-k, typical-p, top-p, min-p, XTC.

Each filter does what llama.cpp's sampler of that name does, and is tested against it. A vocabulary has 150,000 tokens,
so no filter looks at more of them than it must. Knows logits; it does not know params, sequences or random numbers.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]
"""Logits of one row, shape (n_vocab,): a view into llama.cpp's output, valid until the next forward pass."""

BLOCK = 64
"""Tokens of a block. In a search for the likeliest tokens, only the likeliest of each block is looked at first."""

Maxima = npt.NDArray[np.float32]
"""The largest logit of each block of a row, shape (n_vocab // BLOCK,)."""

RUN = 512
"""Number of weights that are added up at once when there are many."""

FEW = 256
"""Number of likeliest tokens that top-p looks at first; mostly it needs no more."""


class Candidates:
    """Logits and the tokens that they belong to. Never empty.

    `tokens` is None for the whole vocabulary in its order.
    """

    def __init__(
        self,
        logits: Logits,
        tokens: npt.NDArray[np.int64] | None = None,
        is_sorted: bool = False,
        maxima: Maxima | None = None,
    ) -> None:
        self.logits = logits
        self.tokens = tokens
        self.is_sorted = is_sorted
        """Whether the likeliest comes first."""
        self._maxima = maxima
        self._peak: np.float32 | None = None

    def __len__(self) -> int:
        return len(self.logits)

    def token(self, index: int) -> int:
        return index if self.tokens is None else int(self.tokens[index])

    def take(self, indices: npt.NDArray[np.int64], is_sorted: bool = False) -> Candidates:
        tokens = indices if self.tokens is None else self.tokens[indices]
        return Candidates(self.logits[indices], tokens, is_sorted)

    def first(self, count: int) -> Candidates:
        """The `count` likeliest; only of sorted candidates."""
        return Candidates(self.logits[:count], None if self.tokens is None else self.tokens[:count], self.is_sorted)

    def possible(self) -> Candidates:
        """The candidates that no mask has excluded; all of them if a mask has excluded all."""
        possible = np.flatnonzero(self.logits != -np.inf)
        return self.take(possible, self.is_sorted) if 0 < len(possible) < len(self) else self

    def above(self, floor: float) -> Candidates:
        """The candidates whose logit is at least `floor`, but in any case the likeliest."""
        if self.is_sorted:
            return self.first(max(1, int((-self.logits).searchsorted(-floor, side="right"))))
        return self.take(np.flatnonzero(self.logits >= np.float32(min(floor, float(self.peak)))))

    def likeliest(self, count: int) -> Candidates:
        """The `count` likeliest, sorted; fewer if a mask has left no more."""
        if self.is_sorted:
            return self.first(count)
        few = self._from_best_blocks(count) if count < len(self) else self
        order = (-few.logits).argsort()[:count]
        return few.take(order, is_sorted=True)

    def weights(self) -> npt.NDArray[np.float32]:
        """Weights proportional to the probabilities; the likeliest has 1."""
        weights: npt.NDArray[np.float32] = np.exp(self.logits - self.peak)
        return weights

    def probabilities(self) -> npt.NDArray[np.float64]:
        weights = self.weights().astype(np.float64)
        probabilities: npt.NDArray[np.float64] = weights / weights.sum()
        return probabilities

    @property
    def peak(self) -> np.float32:
        """Logit of the likeliest."""
        if self._peak is None:
            self._peak = self._find_peak()
        return self._peak

    def _find_peak(self) -> np.float32:
        if self.is_sorted:
            return np.float32(self.logits[0])
        return np.float32(self.logits.max()) if self._maxima is None else largest(self.logits, self._maxima)

    def _from_best_blocks(self, count: int) -> Candidates:
        """A few candidates in their order, with the `count` likeliest among them.

        All candidates are cut into blocks. The best ones of the `count` best blocks are `count` candidates. So no
        candidate below the worst of these is wanted, nor any block without a better one. Each logit is looked at once.
        """
        size = min(BLOCK, len(self) // count)
        blocks = blocks_of(self.logits, size)
        num_blocks, num_in_blocks = blocks.shape[1], blocks.size
        best = blocks.max(axis=0) if self._maxima is None or size < BLOCK else self._maxima
        bound = np.partition(best, num_blocks - count)[num_blocks - count]
        if not bound > -np.inf:
            return self.possible()  # a mask has left little to choose from
        columns = np.flatnonzero(best >= bound)
        found_rows, found_columns = np.divmod(np.flatnonzero(blocks[:, columns] >= bound), len(columns))
        found = found_rows * num_blocks + columns[found_columns]
        if num_in_blocks < len(self):
            rest = np.flatnonzero(self.logits[num_in_blocks:] >= bound) + num_in_blocks
            found = np.concatenate([found, rest])
        return self.take(found)


def blocks_of(logits: npt.NDArray[np.float32], size: int = BLOCK) -> npt.NDArray[np.float32]:
    """Blocks of `size` logits, shape (..., size, n_vocab // size): each is a column, and the last few logits are in
    none."""
    num_blocks = logits.shape[-1] // size
    return logits[..., : size * num_blocks].reshape(*logits.shape[:-1], size, num_blocks)


def largest(logits: Logits, maxima: Maxima) -> np.float32:
    """The largest logit, as `logits.max()` would find it."""
    rest = logits[BLOCK * len(maxima) :]
    return np.float32(np.maximum(maxima.max(initial=-np.inf), rest.max(initial=-np.inf)))


def floor_of_sigma(logits: Logits, num_sigmas: float) -> float:
    """Top-n-sigma: the logit that lies `num_sigmas` standard deviations below the highest one."""
    possible = Candidates(logits).possible().logits
    return float(possible.max()) - num_sigmas * float(possible.std(dtype=np.float64))


def floor_of_min_p(candidates: Candidates, min_p: float) -> float:
    """Min-p: the logit of a token that is `min_p` times as likely as the likeliest."""
    return float(candidates.peak) + math.log(min_p)


def typical(candidates: Candidates, mass: float) -> Candidates:
    """Typical-p: the candidates with the surprise closest to the expected one, until they add up to `mass`."""
    possible = candidates.possible()
    probabilities = possible.probabilities()
    surprise = -np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    entropy = float((probabilities * surprise).sum())
    order = np.argsort(np.abs(surprise - entropy), kind="stable")
    count = int(np.searchsorted(np.cumsum(probabilities[order]), mass, side="right")) + 1
    return possible.take(order[:count])


def nucleus(candidates: Candidates, mass: float) -> Candidates:
    """Top-p: the likeliest candidates, until their probabilities add up to `mass`."""
    few = candidates if candidates.is_sorted else candidates.likeliest(FEW)
    covered = few.weights().cumsum(dtype=np.float64)
    if len(few) == len(candidates):
        return few.first(int(covered.searchsorted(mass * covered[-1])) + 1)
    weights = candidates.weights()
    wanted = mass * total(weights)
    if covered[-1] >= wanted:
        return few.first(int(covered.searchsorted(wanted)) + 1)
    # With this many, their order does not matter: the weight of the last one needed says which ones belong to them.
    descending = -np.sort(-weights)
    least = descending[_reached(descending, mass)]
    return candidates.take(np.flatnonzero(weights >= least))


def without_top_choices(candidates: Candidates, threshold: float) -> Candidates:
    """XTC: of the candidates with a probability of at least `threshold`, only the least likely stays."""
    probabilities = candidates.probabilities()
    likely = np.flatnonzero((probabilities >= threshold) & (probabilities > 0))
    if len(likely) < 2:
        return candidates
    kept = np.ones(len(candidates), dtype=bool)
    kept[likely] = False
    kept[likely[-1] if candidates.is_sorted else likely[np.argmin(candidates.logits[likely])]] = True
    return candidates.take(np.flatnonzero(kept), candidates.is_sorted)


def relative_entropy(candidates: Candidates) -> float:
    """Entropy from 0, when one token is certain, to 1, when all are equally likely."""
    if len(candidates) < 2:
        return 0.0
    probabilities = candidates.probabilities()
    surprise = -np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    return max(0.0, float((probabilities * surprise).sum())) / math.log(len(candidates))


def draw(candidates: Candidates, temperature: float, uniform: float) -> int:
    """Index of the candidate that lies at `uniform`, from 0 to 1, of the way through all probabilities."""
    weights = np.exp((candidates.logits - candidates.peak) * np.float32(1 / temperature))
    index = _reached(weights, uniform)
    while index and weights[index] == 0:  # what is impossible stays impossible, however the rounding fell
        index -= 1
    return index


def total(weights: npt.NDArray[np.float32]) -> float:
    return float(_sums_of_runs(weights).sum())


def _sums_of_runs(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Sums of `RUN` weights each, and of the rest."""
    num_whole = len(weights) // RUN * RUN
    whole = np.einsum("ij->i", weights[:num_whole].reshape(-1, RUN))
    return np.append(whole, weights[num_whole:].sum()).astype(np.float64)


def _reached(weights: npt.NDArray[np.float32], share: float) -> int:
    """Index at which the weights, added up from the first on, exceed `share` of their sum; the last one if none does.

    Whole runs are added up first, since adding up one by one is the slowest way.
    """
    if len(weights) <= RUN:
        ends = weights.cumsum(dtype=np.float64)
        return _first_above(ends, share * ends[-1])
    ends = np.cumsum(_sums_of_runs(weights))
    wanted = share * ends[-1]
    run = min(_first_above(ends, wanted), (len(weights) - 1) // RUN)
    start = run * RUN
    reached = weights[start : start + RUN].cumsum(dtype=np.float64) + (ends[run - 1] if run else 0.0)
    return start + _first_above(reached, wanted)


def _first_above(ends: npt.NDArray[np.float64], wanted: float) -> int:
    """Index of the first sum that exceeds `wanted`, or the last one."""
    return min(int(ends.searchsorted(wanted, side="right")), len(ends) - 1)
