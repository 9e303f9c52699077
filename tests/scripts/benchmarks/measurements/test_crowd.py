"""scripts/bench clients: what counts as a proper answer, and what counts as a leak."""

from __future__ import annotations

import dataclasses

import pytest

from scripts.benchmarks.asking.answers import Answer
from scripts.benchmarks.measurements.crowd import Plan, Wave, failures, growth_mb, judge, text_table

PLAN = Plan(num_clients=4, num_tokens=8, num_waves=3, leave_every=4, max_growth_mb=8.0)
WHOLE = Answer(0.0, 2.0, 200, {}, (1.0, 2.0), "ab", "length", {"completion_tokens": 8}, is_done=True)
REFUSED = Answer(0.0, 1.0, 429, {"retry-after": "2"}, (), "", None, error={"message": "busy"})
WAVE = Wave({"whole": 4}, [], [0.5, 0.7], True, 60.0, 300.0)


def test_an_answer_with_all_its_tokens_and_both_ends_is_whole() -> None:
    assert judge(WHOLE, 8) == ("whole", "")


@pytest.mark.parametrize(
    "damaged",
    [
        dataclasses.replace(WHOLE, is_done=False),
        dataclasses.replace(WHOLE, finish_reason=None),
        dataclasses.replace(WHOLE, usage={"completion_tokens": 7}),
        dataclasses.replace(WHOLE, error={"message": "engine lost"}),
        dataclasses.replace(WHOLE, status=500),
        dataclasses.replace(WHOLE, status=None),
        dataclasses.replace(REFUSED, headers={}),
        dataclasses.replace(REFUSED, error=None),
    ],
)
def test_an_answer_that_lacks_something_is_broken_and_says_what(damaged: Answer) -> None:
    verdict, complaint = judge(damaged, 8)
    assert verdict == "broken"
    assert complaint


def test_a_refusal_with_an_error_and_retry_after_is_proper() -> None:
    assert judge(REFUSED, 8) == ("refused", "")


def test_a_client_that_left_has_nothing_to_complain_about() -> None:
    assert judge(dataclasses.replace(WHOLE, is_done=False, has_left=True), 8) == ("left", "")


def test_growth_counts_from_the_second_wave() -> None:
    assert growth_mb([10.0, 50.0, 51.0]) == 1.0
    assert growth_mb([10.0]) == 0.0


def test_waves_without_fault_have_no_failures() -> None:
    assert failures([WAVE, WAVE, WAVE], PLAN) == []


def test_a_lost_slot_a_broken_answer_and_growth_are_each_reported() -> None:
    waves = [WAVE, dataclasses.replace(WAVE, are_slots_whole=False, complaints=["status 500"])]
    waves.append(dataclasses.replace(WAVE, engine_mb=400.0))
    assert failures(waves, PLAN) == [
        "broken answer: status 500",
        "wave 2: a slot is lost",
        "engine: grew by 100.0 MB, from 300.0 to 400.0",
    ]


def test_the_table_has_a_line_for_each_wave_even_when_nobody_was_served() -> None:
    lines = text_table([WAVE, dataclasses.replace(WAVE, ttft_seconds=[])]).splitlines()
    assert len(lines) == 4
    assert "0.60, 0.70" in lines[2]
