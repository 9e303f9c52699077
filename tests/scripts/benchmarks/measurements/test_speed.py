"""scripts/bench speed: how rates and their ratios come out of answers and rounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.benchmarks.asking.answers import Answer
from scripts.benchmarks.measurements.speed import Plan, decode_rate, figures_of, text_table
from scripts.benchmarks.report import Figure, cell, json_line, table
from scripts.benchmarks.servers.running import Setup

PLAN = Plan(num_prompt_tokens=16, num_tokens=8, num_streams=(1, 2), num_rounds=2)


def answer(arrivals: tuple[float, ...], num_tokens: int | None = None) -> Answer:
    usage = {"completion_tokens": num_tokens or len(arrivals)}
    return Answer(0.0, arrivals[-1], 200, {}, arrivals, "x", "length", usage, is_done=True)


def test_one_stream_decodes_at_the_rate_of_its_intervals() -> None:
    assert decode_rate([answer((1.0, 1.5, 2.0, 2.5))]) == pytest.approx(2.0)


def test_several_streams_count_only_while_all_of_them_run() -> None:
    early, late = answer((0.0, 1.0, 2.0, 3.0)), answer((2.0, 3.0, 4.0, 5.0))
    assert decode_rate([early, late]) == pytest.approx(2.0)


def test_an_event_with_several_tokens_counts_as_several() -> None:
    assert decode_rate([answer((0.0, 1.0, 2.0, 3.0), num_tokens=8)]) == pytest.approx(2.0)


def test_ratios_are_taken_within_a_round() -> None:
    rounds = [
        {name: dict.fromkeys(PLAN.works, rate * factor) for name, factor in factors.items()}
        for rate, factors in (
            (10.0, {"llama.cpp": 1.0, "parley": 0.9, "llama-server": 1.0}),
            (20.0, {"llama.cpp": 1.0, "parley": 0.9, "llama-server": 0.5}),
        )
    ]
    figures = figures_of(rounds, PLAN)
    assert figures["decode, 1 stream"]["parley / llama.cpp"].samples == pytest.approx((0.9, 0.9))
    assert figures["decode, 2 streams"]["parley / llama-server"].samples == pytest.approx((0.9, 1.8))
    assert len(text_table(figures).splitlines()) == 2 + len(PLAN.works)


def test_a_cell_has_the_median_and_the_spread() -> None:
    assert cell(Figure((3.0, 1.0, 2.0))) == "2.0 (1.0-3.0)"


def test_a_table_aligns_its_columns() -> None:
    assert table(["a", "bb"], [["long", "1"]]) == "a     bb\n----  --\nlong   1"


def test_the_json_line_says_on_what_it_was_measured() -> None:
    setup = Setup(Path("/models/demo.gguf"), 4, 2048, 2)
    document = json.loads(json_line("speed", setup, {"answer": 42}))
    assert document["setup"] == {"model": "demo.gguf", "num_slots": 4, "n_ctx": 2048, "num_threads": 2}
    assert document["answer"] == 42
    assert document["machine"]["llama_cpp_python"]
