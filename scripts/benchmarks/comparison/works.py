"""The work of the comparison with llama-server: what each piece of it asks, and the figures that its answers give.

Prompts are token ids, so that both servers compute the same tokens whatever their templates are. It is played against a
running server; which servers there are, and how often, is the business of `compare`.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from scripts.benchmarks.asking.answers import Answer, read_answer
from scripts.benchmarks.asking.client import Exchanged, exchange
from scripts.benchmarks.asking.work import COMPLETIONS, WorkRefused, check_complete, completion, play, random_prompt
from scripts.benchmarks.measurements.speed import decode_rate
from scripts.benchmarks.servers.processes import processes_of, proportional_mb
from scripts.benchmarks.servers.running import Server

Figures = dict[str, float]
"""What was measured, by name; seconds, tokens per second or megabytes."""

Start = Callable[[], AbstractContextManager[Server]]
"""Starts the server that is measured; called a second time, it starts it again with what it left on the disk."""


Pieces = Generator[None, None, Figures]
"""Work on one server that yields where another server may have its turn, and returns the figures."""


@dataclass(frozen=True)
class Work:
    """One piece of work, and what the servers are given for it."""

    name: str
    num_slots: int
    n_ctx: int
    """Tokens per sequence."""
    play: Callable[[Start, random.Random], Pieces]
    settings: tuple[tuple[str, str], ...] = ()
    """Settings of Parley for this work, as `PARLEY_` variables."""


# --- streams with prompts of their own ------------------------------------------------------------------------------

NUM_STREAMS = (1, 4, 8, 16, 32)
NUM_STREAM_TOKENS = 64
SHORT_PROMPT = 16


def decode_name(num_streams: int) -> str:
    return f"{num_streams} stream{'s' if num_streams > 1 else ''}: tokens/s"


def play_streams(start: Start, generator: random.Random) -> Figures:
    """Decode rates of ever more streams, and the memory of all processes after them."""
    with start() as server:
        ask(server, [completion(random_prompt(SHORT_PROMPT, generator), 8)])  # the first request is slower
        figures = {decode_name(num_streams): stream_rate(server, num_streams, generator) for num_streams in NUM_STREAMS}
        every_process = [process for role in processes_of(server.pid).values() for process in role]
        return figures | {"memory: MB": proportional_mb(every_process)}


def stream_rate(server: Server, num_streams: int, generator: random.Random) -> float:
    bodies = [completion(random_prompt(SHORT_PROMPT, generator), NUM_STREAM_TOKENS) for _ in range(num_streams)]
    return decode_rate(ask(server, bodies))


# --- streams in long conversations ----------------------------------------------------------------------------------

NUM_LONG = 8
LONG_CONTEXT = 1_000
LONG_CONTEXT_NAME = f"{NUM_LONG} streams behind {LONG_CONTEXT:,} tokens: tokens/s"


def play_long_contexts(start: Start, generator: random.Random) -> Figures:
    """Decode rate of streams whose prompts are known already, each in a slot."""
    prompts = [random_prompt(LONG_CONTEXT, generator) for _ in range(NUM_LONG)]
    with start() as server:
        for prompt in prompts:
            ask(server, [completion(prompt, 1)])
        return {LONG_CONTEXT_NAME: decode_rate(ask(server, [completion(p, NUM_STREAM_TOKENS) for p in prompts]))}


# --- one system prompt ----------------------------------------------------------------------------------------------

NUM_SHARING = 16
SYSTEM_PROMPT = 950
"""Tokens of about 700 words."""


def play_shared_prompt(start: Start, generator: random.Random) -> Figures:
    """Streams that arrive together and begin with the same system prompt."""
    system_prompt = random_prompt(SYSTEM_PROMPT, generator)
    bodies = [completion(system_prompt + random_prompt(24, generator), 32) for _ in range(NUM_SHARING)]
    with start() as server:
        answers = ask(server, bodies)
    return {
        "shared prompt: all done, s": max(answer.ended for answer in answers) - min(a.sent for a in answers),
        "shared prompt: median TTFT, s": statistics.median(answer.ttft_seconds for answer in answers),
    }


# --- a long prompt beside running streams ---------------------------------------------------------------------------

LONG_PROMPT = 2_400
"""Tokens of about 1,800 words."""


def play_long_prompt(start: Start, generator: random.Random) -> Figures:
    """Three streams run when a long prompt arrives."""
    bodies = [completion(random_prompt(SHORT_PROMPT, generator), 200) for _ in range(3)]
    with start() as server:
        *running, long = asyncio.run(disturb(server, bodies, completion(random_prompt(LONG_PROMPT, generator), 4)))
    return {
        "long prompt: longest pause of the others, s": max(longest_pause(answer, long.sent) for answer in running),
        "long prompt: its TTFT, s": long.ttft_seconds,
    }


async def disturb(server: Server, bodies: Sequence[dict[str, Any]], late: dict[str, Any]) -> list[Answer]:
    """Play all of `bodies`, and `late` as soon as each of them has brought a few tokens. Answers in that order."""
    begun = [Exchanged(num_events=8) for _ in bodies]
    tasks = [
        asyncio.create_task(exchange(server.address, COMPLETIONS, body, seen=seen))
        for body, seen in zip(bodies, begun, strict=True)
    ]
    await asyncio.gather(*(seen.event.wait() for seen in begun))
    tasks.append(asyncio.create_task(exchange(server.address, COMPLETIONS, late)))
    answers = [read_answer(raw) for raw in await asyncio.gather(*tasks)]
    for body, answer in zip([*bodies, late], answers, strict=True):
        check_complete(answer, body["max_tokens"])
    return answers


def longest_pause(answer: Answer, since: float) -> float:
    """The longest time between two tokens of which the later came after `since`."""
    pauses = [
        later - earlier for earlier, later in zip(answer.arrivals, answer.arrivals[1:], strict=False) if later > since
    ]
    if not pauses:
        raise WorkRefused("A stream ended before the long prompt came.")
    return max(pauses)


# --- more conversations than slots ----------------------------------------------------------------------------------

NUM_CONVERSATIONS = 12
NUM_TURNS = 5
FIRST_TURN, LATER_TURN = 700, 48
"""Prompt tokens that a turn adds: instructions of about 500 words and a question; then the answer before, and the next
question."""


def turns(generator: random.Random) -> Iterator[list[dict[str, Any]]]:
    """The requests of one turn of every conversation, turn after turn; each prompt continues the one before it."""
    prompts = [random_prompt(FIRST_TURN, generator) for _ in range(NUM_CONVERSATIONS)]
    while True:
        yield [completion(prompt, 16) for prompt in prompts]
        prompts = [prompt + random_prompt(LATER_TURN, generator) for prompt in prompts]


def median_ttft(server: Server, bodies: Sequence[dict[str, Any]]) -> float:
    """Seconds to the first token, for requests one after the other."""
    return statistics.median(ask(server, [body])[0].ttft_seconds for body in bodies)


def play_conversations(start: Start, generator: random.Random) -> Pieces:
    """Conversations take turns, and each has lost its slot to others by the time it comes again; then a restart.

    A few seconds in a piece: machines get slower under load, and that must not hit one server more than the other.
    """
    turn = turns(generator)
    with start() as server:
        median_ttft(server, next(turn))
        later = []
        for _ in range(NUM_TURNS - 1):
            yield
            later.append(median_ttft(server, next(turn)))
    yield
    with start() as server:
        after_restart = median_ttft(server, next(turn))
    return {
        "round robin: TTFT of later turns, s": statistics.median(later),
        "restart: TTFT of the next turn, s": after_restart,
    }


# --- a burst --------------------------------------------------------------------------------------------------------

NUM_BURST = 200
NUM_USERS = 8
GREEDY_SHARE = 0.5
"""Share of all requests that one user sends; the others share the rest evenly."""


def play_burst(start: Start, generator: random.Random) -> Figures:
    """All requests at once; half of them are one user's, and come first."""
    num_greedy = int(NUM_BURST * GREEDY_SHARE)
    users = ["user-0"] * num_greedy
    users += [f"user-{1 + number % (NUM_USERS - 1)}" for number in range(NUM_BURST - num_greedy)]
    bodies = [completion(random_prompt(32, generator), 16) | {"user": user} for user in users]
    with start() as server:
        answers = ask(server, bodies)
    by_user = {user: [a.ttft_seconds for a, of in zip(answers, users, strict=True) if of == user] for user in users}
    others = [statistics.median(ttfts) for user, ttfts in by_user.items() if user != "user-0"]
    return {
        "burst: 99th percentile of TTFT, s": percentile([answer.ttft_seconds for answer in answers], 0.99),
        "burst: median TTFT of who asked little, s": statistics.median(others),
        "burst: TTFT of the user who waited longest, s": max(others),
    }


def percentile(samples: Sequence[float], share: float) -> float:
    """The least sample that `share` of them do not exceed."""
    return sorted(samples)[math.ceil(share * len(samples)) - 1]


# --- all of it ------------------------------------------------------------------------------------------------------


def ask(server: Server, bodies: Sequence[dict[str, Any]]) -> list[Answer]:
    """Play completions at the same moment; each must be answered to its end, cached or not."""
    answers = asyncio.run(play(server.address, bodies))
    for body, answer in zip(bodies, answers, strict=True):
        check_complete(answer, body["max_tokens"])
    return answers


def in_one_piece(play: Callable[[Start, random.Random], Figures]) -> Callable[[Start, random.Random], Pieces]:
    """Work during which no other server may even be there."""

    def pieces(start: Start, generator: random.Random) -> Pieces:
        yield from ()
        return play(start, generator)

    return pieces


WORKS = (
    Work("streams", max(NUM_STREAMS), 256, in_one_piece(play_streams)),
    Work("long-contexts", NUM_LONG, 1_280, in_one_piece(play_long_contexts)),
    Work("shared-prompt", NUM_SHARING, 1_280, in_one_piece(play_shared_prompt)),
    Work("long-prompt", 4, 3_072, in_one_piece(play_long_prompt)),
    Work("conversations", 4, 1_024, play_conversations, settings=(("PARLEY_KV_DISK_MB", "2048"),)),
    Work("burst", 8, 256, in_one_piece(play_burst)),
)
