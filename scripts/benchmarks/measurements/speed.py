"""Decode and prefill speed through HTTP against the speed of llama.cpp itself, in pairs within each round.

The limit is what `llama-bench` (one sequence) and `llama-batched-bench` (several) reach on the same model with the same
threads and no server at all; llama-server is the second reference.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scripts.benchmarks.asking.answers import Answer
from scripts.benchmarks.asking.work import complete_all, completion, random_prompt
from scripts.benchmarks.report import Figure, cell, figure, json_line, table
from scripts.benchmarks.servers.build_llama_cpp import Tools, check_kernels
from scripts.benchmarks.servers.running import Server, Setup, llama_server, parley

LIMIT = "llama.cpp"
SHORT_PROMPT = 16
Rates = dict[str, float]
"""Tokens per second by the name of the work."""


class ToolFailed(RuntimeError):
    """One of llama.cpp's benchmarks did not end well."""


@dataclass(frozen=True)
class Plan:
    """Amounts of work, and the number of rounds."""

    num_prompt_tokens: int
    num_tokens: int
    num_streams: tuple[int, ...]
    num_rounds: int

    @property
    def prefill(self) -> str:
        return f"prefill of {self.num_prompt_tokens} tokens"

    def decode(self, num_streams: int) -> str:
        return f"decode, {num_streams} stream{'s' if num_streams > 1 else ''}"

    @property
    def works(self) -> list[str]:
        return [self.prefill, *(self.decode(num_streams) for num_streams in self.num_streams)]


# --- the limit ------------------------------------------------------------------------------------------------------


def limit_rates(tools: Tools, setup: Setup, plan: Plan) -> Rates:
    """Rates of llama.cpp without a server."""
    rates = single_rates(tools, setup, plan)
    several = [number for number in plan.num_streams if number > 1]
    if several:
        rates |= batched_rates(tools, setup, plan, several)
    return rates


def single_rates(tools: Tools, setup: Setup, plan: Plan) -> Rates:
    """Rates of `llama-bench`: prefill alone, and decode of one sequence."""
    sizes = ["-p", str(plan.num_prompt_tokens), "-n", str(plan.num_tokens), "-r", "1"]
    command = [str(tools.bench), "-m", str(setup.model), "-t", str(setup.num_threads), *sizes, "-o", "json"]
    tests = json.loads(output_of(command))
    return {(plan.prefill if test["n_prompt"] else plan.decode(1)): float(test["avg_ts"]) for test in tests}


def batched_rates(tools: Tools, setup: Setup, plan: Plan, several: list[int]) -> Rates:
    """Rates of `llama-batched-bench`: decode of several sequences together."""
    n_ctx = max(several) * (SHORT_PROMPT + plan.num_tokens)
    sizes = ["-c", str(n_ctx), "-npp", str(SHORT_PROMPT), "-ntg", str(plan.num_tokens)]
    command = [str(tools.batched_bench), "-m", str(setup.model), "-t", str(setup.num_threads), *sizes]
    lines = output_of([*command, "-npl", ",".join(map(str, several)), "--output-format", "jsonl"]).splitlines()
    tests = [json.loads(line) for line in lines if line.startswith("{")]
    return {plan.decode(test["pl"]): float(test["speed_tg"]) for test in tests}


def output_of(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode != 0:
        raise ToolFailed(f"{command[0]} ended with {result.returncode}:\n{result.stderr[-2000:]}")
    return result.stdout


# --- the servers ----------------------------------------------------------------------------------------------------


def server_rates(server: Server, plan: Plan, generator: random.Random) -> Rates:
    """Rates of prefill and decode through HTTP."""
    rates = {plan.prefill: prefill_rate(server, plan.num_prompt_tokens, generator)}
    for num_streams in plan.num_streams:
        bodies = [completion(random_prompt(SHORT_PROMPT, generator), plan.num_tokens) for _ in range(num_streams)]
        rates[plan.decode(num_streams)] = decode_rate(complete_all(server.address, bodies))
    return rates


def prefill_rate(server: Server, num_tokens: int, generator: random.Random) -> float:
    """Prompt tokens over the time to the first token: everything that HTTP adds is in it."""
    (answer,) = complete_all(server.address, [completion(random_prompt(num_tokens, generator), 1)])
    return num_tokens / answer.ttft_seconds


def decode_rate(answers: list[Answer]) -> float:
    """Tokens per second of all streams together, over the time in which every one of them was decoding."""
    start = max(answer.arrivals[0] for answer in answers)
    end = min(answer.arrivals[-1] for answer in answers)
    return sum(tokens_between(answer, start, end) for answer in answers) / (end - start)


def tokens_between(answer: Answer, start: float, end: float) -> float:
    """Tokens after `start` until `end`; an event may carry several, so its share of the whole counts."""
    tokens_per_event = answer.num_tokens / len(answer.arrivals)
    return tokens_per_event * sum(start < arrival <= end for arrival in answer.arrivals)


# --- rounds ---------------------------------------------------------------------------------------------------------


def measure(setup: Setup, plan: Plan, tools: Tools, scratch: Path) -> Iterator[dict[str, Rates]]:
    """One dictionary a round, from the name of who worked to its rates; who begins changes with every round."""
    generator = random.Random(0)
    with ExitStack() as stack:
        servers = [
            stack.enter_context(parley(setup, scratch)),
            stack.enter_context(llama_server(setup, tools.server, scratch)),
        ]
        workers: list[tuple[str, Callable[[], Rates]]] = [(LIMIT, partial(limit_rates, tools, setup, plan))]
        for server in servers:
            server_rates(server, plan, generator)  # the first requests of a process are slower
            workers.append((server.name, partial(server_rates, server, plan, generator)))
        for number in range(plan.num_rounds):
            first = number % len(workers)
            yield {name: work() for name, work in workers[first:] + workers[:first]}


def figures_of(rounds: list[dict[str, Rates]], plan: Plan) -> dict[str, dict[str, Figure]]:
    """By work, then by name; with the ratios of Parley to the others."""
    figures = {}
    for work in plan.works:
        by_name = {name: figure([rates[name][work] for rates in rounds]) for name in rounds[0]}
        ratios = {f"parley / {name}": by_name["parley"].over(by_name[name]) for name in (LIMIT, "llama-server")}
        figures[work] = by_name | ratios
    return figures


def text_table(figures: Mapping[str, Mapping[str, Figure]]) -> str:
    names = (LIMIT, "parley", "llama-server")
    ratios = tuple(f"parley / {name}" for name in (LIMIT, "llama-server"))
    rows = [
        [work, *(cell(row[name]) for name in names), *(cell(row[ratio], 3) for ratio in ratios)]
        for work, row in figures.items()
    ]
    return table(["tokens/s, median (spread)", *names, *ratios], rows)


def run(setup: Setup, plan: Plan, tools: Tools, scratch: Path) -> None:
    """Measure and print."""
    has_same_kernels = check_kernels(tools)
    figures = figures_of(list(measure(setup, plan, tools, scratch)), plan)
    print(text_table(figures))
    numbers: dict[str, Any] = {
        work: {name: each.as_json() for name, each in row.items()} for work, row in figures.items()
    }
    extra = {"num_rounds": plan.num_rounds, "same_kernels": has_same_kernels, "tokens_per_second": numbers}
    print(json_line("speed", setup, extra))
