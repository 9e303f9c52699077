"""What HTTP costs: CPU of the gunicorn workers for each streamed token, and what a request takes besides its steps.

Two sizes of the same work are compared, so that what a request costs once falls out of what a token costs, and a step
of the engine falls out of what surrounds it. It asks through HTTP and reads the processes' CPU clocks, nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.benchmarks.asking.client import KeptAlive
from scripts.benchmarks.asking.work import COMPLETIONS, WorkRefused, complete_all, completion, random_prompt
from scripts.benchmarks.measurements.stages import stage_figures
from scripts.benchmarks.report import Figure, cell, figure, json_line, table
from scripts.benchmarks.servers.processes import processes_of, total_cpu_seconds
from scripts.benchmarks.servers.running import Server, Setup, engine_socket, parley

SHORT_PROMPT = 4
NUM_WARM_UP = 10
MICROSECONDS = 1e6


@dataclass(frozen=True)
class Plan:
    """Amounts of work, and the number of rounds."""

    num_streams: tuple[int, ...]
    num_tokens: int
    num_rounds: int
    num_requests: int
    """Requests one after the other, for times of single requests."""


# --- CPU ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """CPU of the gunicorn workers in microseconds."""

    per_token: float
    per_request: float
    """Cost of a streamed request with one token, the connection included."""
    tokens_per_second: float
    """Rate at which the tokens came meanwhile."""

    @property
    def percent_of_core(self) -> float:
        """Share of one core that the tokens alone took, in percent."""
        return self.per_token * self.tokens_per_second / MICROSECONDS * 100


def streaming_cost(server: Server, num_streams: int, num_tokens: int, generator: random.Random) -> Cost:
    """Streams of one token and streams of many: the difference is the cost of the tokens."""
    once, _ = worker_seconds(server, num_streams, 1, generator)
    many, elapsed = worker_seconds(server, num_streams, num_tokens, generator)
    return Cost(
        per_token=(many - once) / (num_streams * (num_tokens - 1)) * MICROSECONDS,
        per_request=once / num_streams * MICROSECONDS,
        tokens_per_second=num_streams * num_tokens / elapsed,
    )


def worker_seconds(server: Server, num_streams: int, num_tokens: int, generator: random.Random) -> tuple[float, float]:
    """CPU seconds of the workers over `num_streams` streams at once, and the seconds until all had ended."""
    workers = processes_of(server.pid)["worker"]
    bodies = [completion(random_prompt(SHORT_PROMPT, generator), num_tokens) for _ in range(num_streams)]
    before = total_cpu_seconds(workers)
    answers = complete_all(server.address, bodies)
    elapsed = max(answer.ended for answer in answers) - min(answer.sent for answer in answers)
    return total_cpu_seconds(workers) - before, elapsed


def cpu_figures(server: Server, plan: Plan, generator: random.Random) -> dict[str, Figure]:
    """Costs by what was measured, over the rounds."""
    figures: dict[str, Figure] = {}
    for num_streams in plan.num_streams:
        costs = [streaming_cost(server, num_streams, plan.num_tokens, generator) for _ in range(plan.num_rounds)]
        streams = f"{num_streams} stream{'s' if num_streams > 1 else ''}"
        figures[f"CPU per token, {streams} (us)"] = figure([cost.per_token for cost in costs])
        figures[f"CPU per request, {streams} (us)"] = figure([cost.per_request for cost in costs])
        figures[f"tokens per second, {streams}"] = figure([cost.tokens_per_second for cost in costs])
        figures[f"share of a core, {streams} (%)"] = figure([cost.percent_of_core for cost in costs])
    return figures


# --- time -----------------------------------------------------------------------------------------------------------


def request_figures(server: Server, plan: Plan, generator: random.Random) -> dict[str, Figure]:
    """Microseconds of whole requests on a kept connection, and what is left of them without the engine's step."""
    with KeptAlive(server.address) as connection:
        for _ in range(NUM_WARM_UP):
            connection.ask("/healthz")
        times = [request_times(connection, generator) for _ in range(plan.num_requests)]
    for each in times:
        each["a step of the engine (us)"] = each["two tokens (us)"] - each["one token (us)"]
        each["one token, less the step (us)"] = each["one token (us)"] - each["a step of the engine (us)"]
    return {name: figure([each[name] * MICROSECONDS for each in times]) for name in times[0]}


def request_times(connection: KeptAlive, generator: random.Random) -> dict[str, float]:
    """Seconds of one request of each kind; interleaved, they meet the same conditions."""

    def ask(num_tokens: int) -> Callable[[], tuple[float, int]]:
        body = completion(random_prompt(1, generator), num_tokens) | {"stream": False}
        del body["stream_options"]
        return lambda: connection.ask(COMPLETIONS, body)

    # No vocabulary has this token: the engine looks at the prompt and refuses it, without a step.
    refused = {"prompt": [2**31 - 1], "max_tokens": 1}
    return {
        "GET /healthz (us)": expect(200, lambda: connection.ask("/healthz")),
        "refused by the engine (us)": expect(400, lambda: connection.ask(COMPLETIONS, refused)),
        "one token (us)": expect(200, ask(1)),
        "two tokens (us)": expect(200, ask(2)),
    }


def expect(status: int, ask: Callable[[], tuple[float, int]]) -> float:
    seconds, got = ask()
    if got != status:
        raise WorkRefused(f"Status {got} came instead of {status}.")
    return seconds


# --- all of it ------------------------------------------------------------------------------------------------------


def text_table(figures: Mapping[str, Figure]) -> str:
    return table(["HTTP, median (spread)", ""], [[name, cell(each)] for name, each in figures.items()])


def run(setup: Setup, plan: Plan, scratch: Path, settings: Mapping[str, str]) -> None:
    """Measure and print."""
    generator = random.Random(0)
    with parley(setup, scratch, settings) as server:
        complete_all(server.address, [completion(random_prompt(SHORT_PROMPT, generator), 16)])
        figures = cpu_figures(server, plan, generator) | request_figures(server, plan, generator)
        figures |= stage_figures(engine_socket(scratch), plan.num_requests)
    print(text_table(figures))
    numbers: dict[str, Any] = {name: each.as_json() for name, each in figures.items()}
    print(json_line("http", setup, {"settings": dict(settings), "figures": numbers}))
