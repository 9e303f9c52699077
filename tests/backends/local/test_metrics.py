"""GET /metrics: the engine's numbers in Prometheus' format, read back with Prometheus' own parser."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from server.backends.local.metrics import exposition
from server.engine.engine import Engine
from server.engine.stats import TOKEN_BOUNDS, Histogram
from server.protocol.messages import Event, Finished, Stats
from tests.engine.driving import make_engine, make_request, run
from tests.engine.fakes import FakeRunner


def answer(engine: Engine, prompt: list[int], max_tokens: int = 4, num_choices: int = 1) -> list[Event]:
    engine.submit(make_request(prompt, max_tokens=max_tokens, num_choices=num_choices))
    return run(engine)


def families(stats: dict[str, Stats | None]) -> dict[str, Metric]:
    text = exposition(stats).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(family: Metric, suffix: str = "", **labels: str) -> float:
    (found,) = [
        sample.value
        for sample in family.samples
        if sample.name == family.name + suffix and labels.items() <= sample.labels.items()
    ]
    return float(found)


def test_tokens_are_counted_as_they_are_asked_for_found_computed_and_generated() -> None:
    engine = make_engine(FakeRunner())
    events = answer(engine, list(range(1, 9))) + answer(engine, list(range(1, 11)))
    found = families({"m": engine.stats(1)})
    assert value(found["parley:prompt_tokens"], "_total", model_name="m") == 18
    assert value(found["parley:prefix_cache_queries"], "_total") == 18
    hits = value(found["parley:prefix_cache_hits"], "_total", tier="slots")
    assert value(found["parley:prefix_cache_hits"], "_total", tier="disk") == 0
    assert value(found["parley:kv_cache_tokens"], tier="slots") > 0
    assert hits == sum(event.num_cached_tokens for event in events if isinstance(event, Finished)) > 0
    assert value(found["parley:prefill_tokens"], "_total") == 18 - hits
    assert value(found["parley:generation_tokens"], "_total") == 8
    assert value(found["parley:request_success"], "_total", finished_reason="length") == 2


def test_what_runs_and_waits_is_shown_while_it_does() -> None:
    engine = make_engine(FakeRunner(num_slots=2))
    asked = make_request([1, 2, 3], max_tokens=4, num_choices=3)
    engine.submit(asked)
    engine.step()
    now = engine.stats(1).gauges
    assert (now["running"], now["waiting"], now["slots"]) == (2, 1, 2)
    engine.cancel(asked)
    stats = engine.stats(1)
    assert (stats.gauges["running"], stats.gauges["waiting"]) == (0, 0)
    assert stats.finished == {"abort": 3}


def test_every_token_is_in_a_histogram_once() -> None:
    engine = make_engine(FakeRunner())
    outputs = answer(engine, [1, 2, 3], max_tokens=6, num_choices=2)
    assert sum(isinstance(event, Finished) for event in outputs) == 2
    found = families({"m": engine.stats(1)})
    assert value(found["parley:time_to_first_token_seconds"], "_count") == 2
    assert value(found["parley:inter_token_latency_seconds"], "_count") == 10
    assert value(found["parley:request_queue_time_seconds"], "_count") == 2
    assert value(found["parley:e2e_request_latency_seconds"], "_count") == 2
    assert value(found["parley:step_time_seconds"], "_count") >= 6


def test_an_engine_that_does_not_answer_is_down_and_nothing_else() -> None:
    found = families({"here": make_engine(FakeRunner()).stats(1), "gone": None})
    assert value(found["parley:engine_up"], model_name="here") == 1
    assert value(found["parley:engine_up"], model_name="gone") == 0
    others = [sample for family in found.values() if family.name != "parley:engine_up" for sample in family.samples]
    assert {sample.labels["model_name"] for sample in others} == {"here"}


def test_a_sample_on_a_bound_is_below_it() -> None:
    histogram = Histogram(TOKEN_BOUNDS)
    for sample in (TOKEN_BOUNDS[0], TOKEN_BOUNDS[-1] + 1):
        histogram.add(sample)
    counts = histogram.counts()
    assert (counts.counts[0], counts.counts[-1], sum(counts.counts)) == (1, 1, 2)
