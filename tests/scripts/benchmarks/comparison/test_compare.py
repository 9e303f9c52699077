"""scripts/bench compare: how ratios, aims and percentiles come out of what both servers did."""

from __future__ import annotations

import random

import pytest

from scripts.benchmarks.asking.answers import Answer
from scripts.benchmarks.asking.work import WorkRefused
from scripts.benchmarks.comparison.compare import NAMES, take_turns
from scripts.benchmarks.comparison.result import AIMS, LIMIT, LLAMA_SERVER, PARLEY, Result, results_of, text_table
from scripts.benchmarks.comparison.works import (
    FIRST_TURN,
    LATER_TURN,
    LONG_CONTEXT_NAME,
    NUM_CONVERSATIONS,
    NUM_STREAMS,
    Pieces,
    decode_name,
    longest_pause,
    percentile,
    turns,
)
from scripts.benchmarks.report import Figure

ONE_STREAM = decode_name(1)
RESTART = "restart: TTFT of the next turn, s"


def answer(arrivals: tuple[float, ...]) -> Answer:
    return Answer(0.0, 9.0, 200, {}, arrivals, "x", "length", {}, is_done=True)


def result(name: str, mine: tuple[float, ...], theirs: tuple[float, ...]) -> Result:
    return Result(name, {PARLEY: Figure(mine), LLAMA_SERVER: Figure(theirs)})


def test_every_figure_has_an_aim() -> None:
    assert {*map(decode_name, NUM_STREAMS), LONG_CONTEXT_NAME} < set(AIMS)
    assert len(NAMES) == len(set(NAMES))


def test_a_rate_should_be_higher_and_a_time_lower() -> None:
    assert result(ONE_STREAM, (11.0,), (10.0,)).is_reached
    assert not result(ONE_STREAM, (9.0,), (10.0,)).is_reached
    assert result("memory: MB", (1.15 * 700 + 149,), (700.0,)).is_reached
    assert not result("memory: MB", (1.15 * 700 + 151,), (700.0,)).is_reached
    assert result(RESTART, (0.5,), (10.0,)).is_reached
    assert not result(RESTART, (9.0,), (10.0,)).is_reached


def test_ratios_compare_the_same_round() -> None:
    assert result(RESTART, (1.0, 4.0, 3.0), (10.0, 8.0, 30.0)).ratio.samples == pytest.approx((0.1, 0.5, 0.1))


def test_work_in_pieces_takes_turns_and_who_went_last_goes_first() -> None:
    heard = []

    def play(name: str, num_pieces: int) -> Pieces:
        for number in range(num_pieces):
            heard.append(f"{name}{number}")
            yield
        return {name: float(num_pieces)}

    assert take_turns({"a": play("a", 3), "b": play("b", 2)}) == {"a": {"a": 3.0}, "b": {"b": 2.0}}
    assert heard == ["a0", "b0", "b1", "a1", "a2"]


def test_when_one_server_fails_the_others_are_stopped() -> None:
    stopped = []

    def play(name: str) -> Pieces:
        try:
            yield
            if name == "b":
                raise WorkRefused("no")
            yield
        finally:
            stopped.append(name)
        return {}

    with pytest.raises(WorkRefused):
        take_turns({"a": play("a"), "b": play("b")})
    assert sorted(stopped) == ["a", "b"]


def test_the_limit_is_beside_the_figures_that_have_one() -> None:
    found = {
        PARLEY: [{ONE_STREAM: 9.0, RESTART: 1.0}],
        LLAMA_SERVER: [{ONE_STREAM: 8.0, RESTART: 2.0}],
        LIMIT: [{ONE_STREAM: 10.0}],
    }
    streams, restart = results_of(found)
    assert streams.of_limit == Figure((0.9,))
    assert restart.of_limit is None
    assert streams.as_json()["of_limit"]["median"] == pytest.approx(0.9)
    assert "MISSED" in text_table([streams, restart])


def test_a_turn_continues_the_prompts_of_the_turn_before() -> None:
    rounds = turns(random.Random(0))
    first, second = next(rounds), next(rounds)
    assert len(first) == len(second) == NUM_CONVERSATIONS
    for before, after in zip(first, second, strict=True):
        assert len(before["prompt"]) == FIRST_TURN
        assert len(after["prompt"]) == FIRST_TURN + LATER_TURN
        assert after["prompt"][:FIRST_TURN] == before["prompt"]


def test_only_pauses_that_end_after_the_disturbance_count() -> None:
    assert longest_pause(answer((0.0, 5.0, 6.0, 8.0)), since=5.5) == pytest.approx(2.0)


def test_a_stream_that_ended_before_the_disturbance_measures_nothing() -> None:
    with pytest.raises(WorkRefused):
        longest_pause(answer((0.0, 1.0)), since=2.0)


def test_a_percentile_is_one_of_the_samples() -> None:
    assert percentile(list(range(1, 201)), 0.99) == 198
    assert percentile([3.0], 0.99) == 3.0


def test_without_any_text_the_end_is_the_first_that_was_seen() -> None:
    assert answer(()).ttft_seconds == 9.0
