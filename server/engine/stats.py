"""Counts and histograms of what an engine has done so far.

The engine's thread counts; any thread may take a snapshot, which is at most one event behind. It knows sequences and
their times. It does not know in which format, or by whom, the numbers are read.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from server.protocol.messages import HistogramCounts, Stats

WAIT_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of waiting times in seconds: vLLM's, cut to what a few streams of local models need."""

TOKEN_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the times of tokens and steps in seconds."""


class Timed(Protocol):
    """The part of a sequence that is counted."""

    timing: Timing

    @property
    def num_prompt_tokens(self) -> int: ...


class Timing:
    """Times at which a sequence reached its stages, in seconds of `time.perf_counter`; None before."""

    __slots__ = ("arrived", "last_token", "started")

    def __init__(self, arrived: float) -> None:
        self.arrived = arrived
        self.started: float | None = None
        """Time at which its first forward pass began."""
        self.last_token: float | None = None


class Histogram:
    """Counts of samples by upper bound; the last count is of the samples above all bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, sample: float) -> None:
        self._counts[bisect_left(self.bounds, sample)] += 1
        self._total += sample

    def counts(self) -> HistogramCounts:
        return HistogramCounts(list(self.bounds), list(self._counts), self._total)


class EngineStats:
    """Counts since the engine's start. A sequence is one choice of a request."""

    def __init__(self) -> None:
        self.num_prompt_tokens = 0
        self.num_prefill_tokens = 0
        self.num_generated_tokens = 0
        self.num_drafted_tokens = 0
        self.num_accepted_tokens = 0
        """Drafted tokens that were right."""
        self.num_finished: Counter[str] = Counter()
        """Sequences by how they ended: "stop", "length", "abort" or "error"."""
        self.num_rejected = 0
        self.queue_seconds = Histogram(WAIT_BOUNDS)
        self.ttft_seconds = Histogram(WAIT_BOUNDS)
        self.itl_seconds = Histogram(TOKEN_BOUNDS)
        self.e2e_seconds = Histogram(WAIT_BOUNDS)
        self.step_seconds = Histogram(TOKEN_BOUNDS)

    def on_pass(self, sequence: Timed, now: float) -> bool:
        """Count a sequence in a forward pass that began at `now`; whether it is its first, which ends its waiting."""
        timing = sequence.timing
        if timing.started is not None:
            return False
        timing.started = now
        self.queue_seconds.add(now - timing.arrived)
        self.num_prompt_tokens += sequence.num_prompt_tokens
        return True

    def on_step(self, seconds: float, num_prefill_tokens: int) -> None:
        """Count a forward pass, sampling included."""
        self.step_seconds.add(seconds)
        self.num_prefill_tokens += num_prefill_tokens

    def on_token(self, sequence: Timed) -> None:
        now = time.perf_counter()
        timing = sequence.timing
        if timing.last_token is None:
            self.ttft_seconds.add(now - timing.arrived)
        else:
            self.itl_seconds.add(now - timing.last_token)
        timing.last_token = now
        self.num_generated_tokens += 1

    def on_drafts(self, num_drafted: int, num_right: int) -> None:
        """Count guessed tokens that were computed with a sequence's own, and how many of them were right."""
        self.num_drafted_tokens += num_drafted
        self.num_accepted_tokens += num_right

    def on_end(self, sequence: Timed, reason: str) -> None:
        self.num_finished[reason] += 1
        self.e2e_seconds.add(time.perf_counter() - sequence.timing.arrived)

    def snapshot(
        self,
        request_id: int,
        gauges: dict[str, int],
        kv_tokens: Mapping[str, int],
        kv_hits: Mapping[str, int],
        num_preemptions: int = 0,
    ) -> Stats:
        """All numbers at this moment.

        `gauges` are the numbers that are not sums over time. `kv_tokens` and `kv_hits` are tokens by tier of the KV
        cache: the first are those that it holds, the second those of prompts that were found there. `num_preemptions`
        is a sum that the KV cache keeps.
        """
        return Stats(
            request_id,
            gauges=gauges,
            counters={
                "prompt_tokens": self.num_prompt_tokens,
                "prefill_tokens": self.num_prefill_tokens,
                "generation_tokens": self.num_generated_tokens,
                "drafted_tokens": self.num_drafted_tokens,
                "accepted_tokens": self.num_accepted_tokens,
                "rejected": self.num_rejected,
                "preemptions": num_preemptions,
            },
            kv_tokens=dict(kv_tokens),
            kv_hits=dict(kv_hits),
            finished=dict(self.num_finished),
            histograms={
                "queue": self.queue_seconds.counts(),
                "ttft": self.ttft_seconds.counts(),
                "itl": self.itl_seconds.counts(),
                "e2e": self.e2e_seconds.counts(),
                "step": self.step_seconds.counts(),
            },
        )
