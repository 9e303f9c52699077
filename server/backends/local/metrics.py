"""What the engines have done, as Prometheus metrics; the names are close to vLLM's, for the sake of its dashboards.

The engines do all the counting, so any gunicorn worker gives the same answer. It does not know HTTP, nor where the
numbers come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.protocol.messages import HistogramCounts, Stats

__all__ = ["CONTENT_TYPE_LATEST", "GAUGES", "SUMS", "TIMES", "exposition"]


@dataclass(frozen=True)
class Named:
    """A number of the engine's under the name that Prometheus knows it by, without the prefix."""

    key: str
    name: str
    documentation: str


GAUGES = (
    Named("running", "num_requests_running", "Sequences that have a slot; a sequence is one choice of a request."),
    Named("waiting", "num_requests_waiting", "Sequences that wait for a slot."),
    Named("slots", "num_slots", "Sequences that can run at once."),
)

SUMS = (
    Named("prompt_tokens", "prompt_tokens", "Prompt tokens of sequences that began to run."),
    Named("prompt_tokens", "prefix_cache_queries", "Prompt tokens that were looked for in the prefix cache."),
    Named("prefill_tokens", "prefill_tokens", "Prompt tokens that were computed."),
    Named("generation_tokens", "generation_tokens", "Tokens that were generated."),
    Named("drafted_tokens", "spec_decode_num_draft_tokens", "Tokens that were guessed ahead and computed."),
    Named("accepted_tokens", "spec_decode_num_accepted_tokens", "Those of them that were right."),
    Named(
        "preemptions", "num_preemptions", "Running sequences that lost what was computed of them, and need it again."
    ),
    Named("rejected", "requests_rejected", "Requests that were refused because too many waited."),
)

TIMES = (
    Named("queue", "request_queue_time_seconds", "From a request's arrival to its first forward pass."),
    Named("ttft", "time_to_first_token_seconds", "From a request's arrival to its first token."),
    Named("itl", "inter_token_latency_seconds", "Between two tokens of a sequence."),
    Named("e2e", "e2e_request_latency_seconds", "From a request's arrival to the end of a sequence."),
    Named("step", "step_time_seconds", "Of one step of the engine: forward pass and sampling."),
)

PREFIX = "parley:"
LABEL = "model_name"


def exposition(stats: Mapping[str, Stats | None]) -> bytes:
    """Prometheus' text format. `stats` are by model id, None for an engine that did not answer."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(stats))
    return generate_latest(registry)


class _Numbers(Collector):
    def __init__(self, stats: Mapping[str, Stats | None]) -> None:
        self._all = stats
        self._known = {model_id: each for model_id, each in stats.items() if each is not None}

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(f"{PREFIX}engine_up", "1 if the model's engine answers.", labels=[LABEL])
        for model_id, each in self._all.items():
            up.add_metric([model_id], float(each is not None))
        yield up
        yield from map(self._gauge, GAUGES)
        yield from map(self._sum, SUMS)
        yield self._kv_tokens()
        yield self._kv_hits()
        yield self._ends()
        yield from map(self._times, TIMES)

    def _gauge(self, named: Named) -> Metric:
        family = GaugeMetricFamily(PREFIX + named.name, named.documentation, labels=[LABEL])
        for model_id, stats in self._known.items():
            family.add_metric([model_id], stats.gauges[named.key])
        return family

    def _sum(self, named: Named) -> Metric:
        family = CounterMetricFamily(PREFIX + named.name, named.documentation, labels=[LABEL])
        for model_id, stats in self._known.items():
            family.add_metric([model_id], stats.counters[named.key])
        return family

    def _kv_tokens(self) -> Metric:
        documentation = "Tokens whose keys and values are held, by tier: slots, ram, disk."
        family = GaugeMetricFamily(f"{PREFIX}kv_cache_tokens", documentation, labels=[LABEL, "tier"])
        for model_id, stats in self._known.items():
            for tier, number in stats.kv_tokens.items():
                family.add_metric([model_id, tier], number)
        return family

    def _kv_hits(self) -> Metric:
        documentation = "Prompt tokens that were found in the prefix cache and not computed, by tier."
        family = CounterMetricFamily(f"{PREFIX}prefix_cache_hits", documentation, labels=[LABEL, "tier"])
        for model_id, stats in self._known.items():
            for tier, number in stats.kv_hits.items():
                family.add_metric([model_id, tier], number)
        return family

    def _ends(self) -> Metric:
        documentation = "Sequences that ended, by how: stop, length, abort (nobody waited any more), error."
        family = CounterMetricFamily(f"{PREFIX}request_success", documentation, labels=[LABEL, "finished_reason"])
        for model_id, stats in self._known.items():
            for reason, number in stats.finished.items():
                family.add_metric([model_id, reason], number)
        return family

    def _times(self, named: Named) -> Metric:
        family = HistogramMetricFamily(PREFIX + named.name, named.documentation, labels=[LABEL])
        for model_id, stats in self._known.items():
            counts = stats.histograms[named.key]
            family.add_metric([model_id], buckets=_cumulated(counts), sum_value=counts.total)
        return family


def _cumulated(counts: HistogramCounts) -> list[tuple[str, float]]:
    """Prometheus counts everything up to a bound."""
    bounds = [*map(str, counts.bounds), "+Inf"]
    return list(zip(bounds, accumulate(counts.counts), strict=True))
