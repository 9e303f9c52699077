"""The work that servers are given: request bodies of known size, and playing many of them at once.

It knows the OpenAI API's fields; it measures nothing itself, the answers carry the times.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from scripts.benchmarks.asking.answers import Answer, read_answer
from scripts.benchmarks.asking.client import Address, exchange

COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"
# Ordinary tokens of every vocabulary that the benchmarks meet: past the control tokens, before any padding.
FIRST_TOKEN, LAST_TOKEN = 1_000, 30_000


class WorkRefused(RuntimeError):
    """A server did not do the work that was to be measured."""


def random_prompt(num_tokens: int, generator: random.Random) -> list[int]:
    """Token ids that no prefix cache has seen."""
    return [generator.randint(FIRST_TOKEN, LAST_TOKEN) for _ in range(num_tokens)]


def completion(prompt: list[int], num_tokens: int) -> dict[str, Any]:
    """A streamed greedy completion of exactly `num_tokens` tokens."""
    return {"prompt": prompt, **generation(num_tokens)}


def chat(text: str, num_tokens: int) -> dict[str, Any]:
    """A streamed greedy chat answer of exactly `num_tokens` tokens to one message."""
    return {"messages": [{"role": "user", "content": text}], **generation(num_tokens)}


def generation(num_tokens: int) -> dict[str, Any]:
    return {
        "max_tokens": num_tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def complete_all(address: Address, bodies: Sequence[dict[str, Any]]) -> list[Answer]:
    """Play completions at the same moment; each must be answered to its end."""
    answers = asyncio.run(play(address, bodies))
    for body, answer in zip(bodies, answers, strict=True):
        check_whole(answer, body["max_tokens"])
    return answers


async def play(address: Address, bodies: Sequence[dict[str, Any]]) -> list[Answer]:
    raws = await asyncio.gather(*(exchange(address, COMPLETIONS, body) for body in bodies))
    return [read_answer(raw) for raw in raws]


def check_whole(answer: Answer, num_tokens: int) -> None:
    """Raise unless the answer is what `completion` asked for, and was computed from its first token on."""
    check_complete(answer, num_tokens)
    if not answer.arrivals:
        raise WorkRefused(f"None of the {num_tokens} tokens had text.")
    if answer.num_cached_tokens:
        raise WorkRefused(f"{answer.num_cached_tokens} prompt tokens were cached, but all were to be computed.")


def check_complete(answer: Answer, num_tokens: int) -> None:
    """Raise unless the answer is what `completion` asked for."""
    if answer.status != 200 or answer.error:
        raise WorkRefused(f"Status {answer.status} with {len(answer.arrivals)} pieces of text: {answer.error}")
    if answer.num_tokens != num_tokens:
        raise WorkRefused(f"{answer.num_tokens} tokens came instead of {num_tokens}.")
