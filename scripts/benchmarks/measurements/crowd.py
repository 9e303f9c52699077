"""Many clients at once on few slots, some of them leaving midway: nobody is forgotten and nothing is used up.

Every answer is judged: whole, refused as the API says, left by its client, or broken. After each wave all slots must
decode at the same time, and the memory of workers and engine must be what it was.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scripts.benchmarks.asking.answers import Answer, read_answer
from scripts.benchmarks.asking.client import Address, exchange
from scripts.benchmarks.asking.work import CHAT, chat, complete_all, completion, random_prompt
from scripts.benchmarks.report import json_line, table
from scripts.benchmarks.servers.processes import processes_of, resident_mb
from scripts.benchmarks.servers.running import Server, Setup, parley

Verdict = Literal["whole", "refused", "left", "broken"]
VERDICTS: tuple[Verdict, ...] = ("whole", "refused", "left", "broken")
REFUSALS = (429, 503)
WORDS = ("river", "stone", "window", "garden", "letter", "winter", "harbour", "candle", "mirror", "orchard")
NUM_PROBE_TOKENS = 48


@dataclass(frozen=True)
class Plan:
    """Number of clients and waves, and the memory that may be left over afterwards."""

    num_clients: int
    num_tokens: int
    num_waves: int
    leave_every: int
    """Clients of whom one hangs up before its answer ends."""
    max_growth_mb: float
    """Resident memory that workers and engine may each gain from the second wave to the last."""


@dataclass(frozen=True)
class Wave:
    """Fate of one wave of clients, and memory of the server after it."""

    verdicts: Mapping[Verdict, int]
    complaints: Sequence[str]
    ttft_seconds: Sequence[float]
    are_slots_whole: bool
    worker_mb: float
    engine_mb: float


# --- one wave -------------------------------------------------------------------------------------------------------


def wave(server: Server, setup: Setup, plan: Plan, generator: random.Random) -> Wave:
    """Play all clients at once, then look whether the server is as it was."""
    bodies = [chat_body(plan, generator) for _ in range(plan.num_clients)]
    answers = asyncio.run(play(server.address, bodies, plan, generator))
    judged = [judge(answer, body["max_tokens"]) for answer, body in zip(answers, bodies, strict=True)]
    whole = [answer for answer, (verdict, _) in zip(answers, judged, strict=True) if verdict == "whole"]
    are_slots_whole = decode_together(server, setup.num_slots, generator)
    processes = processes_of(server.pid)
    return Wave(
        verdicts=Counter(verdict for verdict, _ in judged),
        complaints=[complaint for verdict, complaint in judged if verdict == "broken"],
        ttft_seconds=[answer.ttft_seconds for answer in whole],
        are_slots_whole=are_slots_whole,
        worker_mb=resident_mb(processes["worker"]),
        engine_mb=resident_mb(processes["engine"]),
    )


def chat_body(plan: Plan, generator: random.Random) -> dict[str, Any]:
    """A chat of some length of its own."""
    text = " ".join(generator.choices(WORDS, k=generator.randint(5, 60)))
    return chat(f"Write about: {text}", generator.randint(plan.num_tokens // 2, plan.num_tokens))


async def play(
    address: Address, bodies: Sequence[dict[str, Any]], plan: Plan, generator: random.Random
) -> list[Answer]:
    """Those who leave do so at any time: after the first chunk (waiting still, or in prefill) or deep in the text."""
    raws = []
    for number, body in enumerate(bodies):
        leaves = number % plan.leave_every == 0
        leave_after = generator.randint(1, plan.num_tokens // 2) if leaves else None
        raws.append(exchange(address, CHAT, body, leave_after))
    return [read_answer(raw) for raw in await asyncio.gather(*raws)]


def judge(answer: Answer, num_tokens: int) -> tuple[Verdict, str]:
    """What became of a request, with a complaint where that is not as it should be."""
    if answer.has_left:
        return "left", ""
    if answer.status in REFUSALS:
        is_proper = bool(answer.error and answer.error.get("message")) and "retry-after" in answer.headers
        return ("refused", "") if is_proper else ("broken", f"{answer.status} without an error or Retry-After")
    if answer.status != 200 or answer.error:
        return "broken", f"status {answer.status}, error {answer.error}"
    if not answer.is_done or answer.finish_reason != "length" or answer.num_tokens != num_tokens:
        ending = f"finish_reason {answer.finish_reason}, [DONE]: {answer.is_done}"
        return "broken", f"{answer.num_tokens} of {num_tokens} tokens, {ending}"
    return "whole", ""


def decode_together(server: Server, num_slots: int, generator: random.Random) -> bool:
    """Whether as many streams as there are slots all run at the same time; one slot less, and the last one waits."""
    bodies = [completion(random_prompt(4, generator), NUM_PROBE_TOKENS) for _ in range(num_slots)]
    answers = complete_all(server.address, bodies)
    return max(answer.arrivals[0] for answer in answers) < min(answer.arrivals[-1] for answer in answers)


# --- all waves ------------------------------------------------------------------------------------------------------


def growth_mb(sizes: Sequence[float]) -> float:
    """From the second wave to the last: the first one fills what is filled once."""
    return sizes[-1] - sizes[min(1, len(sizes) - 1)]


def failures(waves: Sequence[Wave], plan: Plan) -> list[str]:
    """What is not as it should be, in words."""
    found = [f"broken answer: {complaint}" for each in waves for complaint in each.complaints]
    found += [f"wave {number}: a slot is lost" for number, each in enumerate(waves, 1) if not each.are_slots_whole]
    for name, sizes in (("workers", [w.worker_mb for w in waves]), ("engine", [w.engine_mb for w in waves])):
        if growth_mb(sizes) > plan.max_growth_mb:
            found.append(f"{name}: grew by {growth_mb(sizes):.1f} MB, from {sizes[0]:.1f} to {sizes[-1]:.1f}")
    return found


def text_table(waves: Sequence[Wave]) -> str:
    header = ["wave", *VERDICTS, "TTFT median, max (s)", "all slots", "workers (MB)", "engine (MB)"]
    rows = []
    for number, each in enumerate(waves, 1):
        ttft = f"{statistics.median(each.ttft_seconds):.2f}, {max(each.ttft_seconds):.2f}" if each.ttft_seconds else "-"
        slots = "yes" if each.are_slots_whole else "NO"
        counts = [str(each.verdicts.get(verdict, 0)) for verdict in VERDICTS]
        rows.append([str(number), *counts, ttft, slots, f"{each.worker_mb:.1f}", f"{each.engine_mb:.1f}"])
    return table(header, rows)


def run(setup: Setup, plan: Plan, scratch: Path, settings: Mapping[str, str]) -> bool:
    """Measure and print; whether all was as it should be."""
    generator = random.Random(0)
    with parley(setup, scratch, settings) as server:
        waves = [wave(server, setup, plan, generator) for _ in range(plan.num_waves)]
    print(text_table(waves))
    found = failures(waves, plan)
    for line in found:
        print(f"FAILED: {line}")
    extra = {
        "settings": dict(settings),
        "num_clients": plan.num_clients,
        "num_waves": plan.num_waves,
        "verdicts": dict(sum((Counter(each.verdicts) for each in waves), Counter())),
        "worker_mb": [each.worker_mb for each in waves],
        "engine_mb": [each.engine_mb for each in waves],
        "failures": found,
    }
    print(json_line("clients", setup, extra))
    return not found
