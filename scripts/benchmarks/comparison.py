"""Parley against llama-server, on work that people feel: rounds, ratios and what is aimed at.

Both serve the same model with the same library, threads, slots and context, one after the other, each with its own
defaults otherwise; who goes first changes with every round, and with every piece of work that is played in pieces.
Ratios are taken within a round. What the work is, `comparison_works` says.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import plot, speed
from .build_llama_cpp import Tools, check_kernels
from .comparison_works import (
    LONG_CONTEXT_NAME,
    NUM_STREAM_TOKENS,
    NUM_STREAMS,
    WORKS,
    Figures,
    Pieces,
    Work,
    decode_name,
)
from .make_model import make_model
from .report import Figure, cell, figure, json_line, table
from .servers import Setup, llama_server, parley
from .shapes import SHAPES

PARLEY, LLAMA_SERVER = "parley", "llama-server"
LIMIT = "llama.cpp"
NAMES = tuple(work.name for work in WORKS)

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
"""The ratio to llama-server that we want: at least that much of a rate, at most that much of anything else."""

ALLOWANCES = {"memory: MB": 150.0}
"""What a figure may be above that, in its own unit: some memory is needed whatever the model."""

LIMIT_AIM = 0.95
"""The share of what llama.cpp decodes without a server that we want to reach."""


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


def default_model(cache: Path) -> Path:
    """A Qwen2.5-0.5B shape with random weights, written once."""
    path = cache / "qwen2.5-0.5b.gguf"
    if not path.exists():
        print(f"bench: writing {path}", file=sys.stderr)
        make_model(path, SHAPES["qwen2.5-0.5b"])
    return path


# --- rounds ---------------------------------------------------------------------------------------------------------


def measure(
    work: Work, setup: Setup, tools: Tools, scratch: Path, num_rounds: int, settings: Mapping[str, str]
) -> dict[str, list[Figures]]:
    """What each server did, by name and round. In every round both get the same prompts."""
    starts = {
        PARLEY: partial(parley, setup, scratch, {**dict(work.settings), **settings}),
        LLAMA_SERVER: partial(llama_server, setup, tools.server, scratch),
    }
    names = list(starts)
    rounds: list[dict[str, Figures]] = []
    for number in range(num_rounds):
        print(f"bench: {work.name}, round {number + 1} of {num_rounds}", file=sys.stderr)
        shutil.rmtree(scratch / "data", ignore_errors=True)  # what an earlier round left on the disk
        order = names if number % 2 == 0 else reversed(names)
        rounds.append(take_turns({name: work.play(starts[name], random.Random(number)) for name in order}))
    return {name: [figures[name] for figures in rounds] for name in names}


def take_turns(plays: Mapping[str, Pieces]) -> dict[str, Figures]:
    """Play all to their ends, a piece of each at a time; who went last goes first then. The figures by name."""
    found: dict[str, Figures] = {}
    with ExitStack() as stack:
        for play in plays.values():
            stack.enter_context(closing(play))
        order = list(plays)
        while order:
            for name in order:
                try:
                    next(plays[name])
                except StopIteration as end:
                    found[name] = end.value
            order = [name for name in reversed(order) if name not in found]
    return found


def limits(setup: Setup, tools: Tools, num_rounds: int) -> list[Figures]:
    """What llama.cpp decodes without a server, by round, under the names of the streams' figures."""
    plan = speed.Plan(speed.SHORT_PROMPT, NUM_STREAM_TOKENS, NUM_STREAMS, num_rounds)
    rates = [speed.limit_rates(tools, setup, plan) for _ in range(num_rounds)]
    return [{decode_name(number): each[plan.decode(number)] for number in NUM_STREAMS} for each in rates]


def results_of(found: Mapping[str, Sequence[Figures]]) -> list[Result]:
    """One result for each figure of both servers; the limit is there for some."""
    results = []
    for name in found[PARLEY][0]:
        with_it = {server: rounds for server, rounds in found.items() if name in rounds[0]}
        results.append(Result(name, {server: figure([r[name] for r in rounds]) for server, rounds in with_it.items()}))
    return results


# --- all of it ------------------------------------------------------------------------------------------------------


def text_table(results: Sequence[Result]) -> str:
    header = ["median (spread)", PARLEY, LLAMA_SERVER, "ratio", "aim", "of llama.cpp's limit"]
    return table(header, [row(result) for result in results])


def row(result: Result) -> list[str]:
    digits = 1 if result.is_rate or "MB" in result.name else 2
    aim = f"{'>=' if result.is_rate else '<='} {result.aim:.2f} {'' if result.is_reached else 'MISSED'}".rstrip()
    servers = [cell(result.by_server[name], digits) for name in (PARLEY, LLAMA_SERVER)]
    return [result.name, *servers, cell(result.ratio, 3), aim, cell(result.of_limit, 2)]


def run(
    model: Path,
    num_threads: int,
    names: Sequence[str],
    num_rounds: int,
    tools: Tools,
    scratch: Path,
    image: Path | None,
    settings: Mapping[str, str],
) -> None:
    """Measure, print, and draw the ratios into `image` if there is one. `settings` are `PARLEY_` variables."""
    has_same_kernels = check_kernels(tools)
    results: list[Result] = []
    for work in (work for work in WORKS if work.name in names):
        setup = Setup(model, work.num_slots, work.n_ctx, num_threads)
        found = measure(work, setup, tools, scratch, num_rounds, settings)
        if work.name == "streams":
            found[LIMIT] = limits(setup, tools, num_rounds)
        results += results_of(found)
        print(text_table(results), file=sys.stderr)
    print(text_table(results))
    if image:
        plot.draw(image, results, title=f"Parley / llama-server, {model.stem}, {num_threads} threads")
    extra = {
        "num_rounds": num_rounds,
        "same_kernels": has_same_kernels,
        "settings": dict(settings),
        "figures": {result.name: result.as_json() for result in results},
    }
    print(json_line("comparison", Setup(model, 0, 0, num_threads), extra))
