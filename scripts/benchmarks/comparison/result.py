"""The result of a comparison: figures of both servers, their ratios, and the aims.

Ratios are taken within a round. It knows no servers and measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.benchmarks.comparison.works import LONG_CONTEXT_NAME, NUM_STREAMS, Figures, decode_name
from scripts.benchmarks.report import Figure, cell, figure, table

PARLEY, LLAMA_SERVER = "parley", "llama-server"
LIMIT = "llama.cpp"

AIMS: dict[str, float] = {
    **{decode_name(num_streams): 1.0 for num_streams in NUM_STREAMS},
    "memory: MB": 1.15,
    LONG_CONTEXT_NAME: 1.0,
    "shared prompt: all done, s": 0.20,
    "shared prompt: median TTFT, s": 0.15,
    "long prompt: longest pause of the others, s": 0.06,
    "long prompt: its TTFT, s": 1.3,
    "round robin: TTFT of later turns, s": 1.0,
    "restart: TTFT of the next turn, s": 0.10,
    "burst: 99th percentile of TTFT, s": 1.0,
    "burst: median TTFT of who asked little, s": 1.0,
    "burst: TTFT of the user who waited longest, s": 1.0,
}
"""Ratio to llama-server that we want: the least for a rate, the most for anything else."""

ALLOWANCES = {"memory: MB": 150.0}
"""Amount by which a figure may miss its aim, in its own unit: some memory is needed whatever the model."""

LIMIT_AIM = 0.95
"""Share that we want to reach of the rate at which llama.cpp decodes without a server."""


@dataclass(frozen=True)
class Result:
    """One figure of both servers, by name, over the rounds."""

    name: str
    by_server: Mapping[str, Figure]

    @property
    def ratio(self) -> Figure:
        return self.by_server[PARLEY].over(self.by_server[LLAMA_SERVER])

    @property
    def is_rate(self) -> bool:
        return self.name.endswith("tokens/s")

    @property
    def aim(self) -> float:
        return AIMS[self.name]

    @property
    def is_reached(self) -> bool:
        if self.is_rate:
            return self.ratio.median >= self.aim
        allowance = ALLOWANCES.get(self.name, 0.0) / self.by_server[LLAMA_SERVER].median
        return self.ratio.median <= self.aim + allowance

    @property
    def of_limit(self) -> Figure | None:
        """Parley's share of what llama.cpp does without a server, where that was measured."""
        return self.by_server[PARLEY].over(self.by_server[LIMIT]) if LIMIT in self.by_server else None

    def as_json(self) -> dict[str, Any]:
        found = {name: each.as_json() for name, each in self.by_server.items()}
        of_limit = {"of_limit": self.of_limit.as_json(), "limit_aim": LIMIT_AIM} if self.of_limit else {}
        return {**found, "ratio": self.ratio.as_json(), "aim": self.aim, "is_reached": self.is_reached, **of_limit}


def results_of(found: Mapping[str, Sequence[Figures]]) -> list[Result]:
    """One result for each figure of both servers; the limit is there for some."""
    results = []
    for name in found[PARLEY][0]:
        with_it = {server: rounds for server, rounds in found.items() if name in rounds[0]}
        results.append(Result(name, {server: figure([r[name] for r in rounds]) for server, rounds in with_it.items()}))
    return results


def text_table(results: Sequence[Result]) -> str:
    header = ["median (spread)", PARLEY, LLAMA_SERVER, "ratio", "aim", "of llama.cpp's limit"]
    return table(header, [row(result) for result in results])


def row(result: Result) -> list[str]:
    digits = 1 if result.is_rate or "MB" in result.name else 2
    aim = f"{'>=' if result.is_rate else '<='} {result.aim:.2f} {'' if result.is_reached else 'MISSED'}".rstrip()
    servers = [cell(result.by_server[name], digits) for name in (PARLEY, LLAMA_SERVER)]
    return [result.name, *servers, cell(result.ratio, 3), aim, cell(result.of_limit, 2)]
