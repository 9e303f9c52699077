"""Parley against llama-server, on work that people feel, round after round.

Both serve the same model with the same library, threads, slots and context, one after the other, each with its own
defaults otherwise; who goes first changes with every round, and with every piece of work that is played in pieces.
What the work is, `works` says; how results are judged, `result` does.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from scripts.benchmarks.comparison import plot
from scripts.benchmarks.comparison.result import LIMIT, LLAMA_SERVER, PARLEY, Result, results_of, text_table
from scripts.benchmarks.comparison.works import (
    NUM_STREAM_TOKENS,
    NUM_STREAMS,
    WORKS,
    Figures,
    Pieces,
    Work,
    decode_name,
)
from scripts.benchmarks.measurements import speed
from scripts.benchmarks.models.make_model import make_model
from scripts.benchmarks.models.shapes import SHAPES
from scripts.benchmarks.report import json_line
from scripts.benchmarks.servers.build_llama_cpp import Tools, check_kernels
from scripts.benchmarks.servers.running import Setup, llama_server, parley

NAMES = tuple(work.name for work in WORKS)


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
    """Figures of each server by round. In every round both get equal prompts."""
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
    """Rates of llama.cpp without a server, by round, under the names of the streams' figures."""
    plan = speed.Plan(speed.SHORT_PROMPT, NUM_STREAM_TOKENS, NUM_STREAMS, num_rounds)
    rates = [speed.limit_rates(tools, setup, plan) for _ in range(num_rounds)]
    return [{decode_name(number): each[plan.decode(number)] for number in NUM_STREAMS} for each in rates]


# --- all of it ------------------------------------------------------------------------------------------------------


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
