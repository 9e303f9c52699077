"""The engine that embeds, with a scripted model: batches, rotation, cancellation, faults."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from server.engine.embedding.engine import EmbeddingEngine, EmbeddingRequest, normalised
from server.engine.runner import DecodeError
from server.engine.scheduling.places import QueueFull
from server.protocol.messages import Event, Failed, Finished, Vector
from server.protocol.values import QueueKey


class FakeEmbedder:
    """A model in which a text's vector is its first token and its length."""

    n_ctx = 10
    max_texts = 3

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        """First tokens of the texts of every pass."""
        self.fails = False

    def embed(self, texts: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        assert sum(map(len, texts)) <= self.n_ctx
        self.batches.append([tokens[0] for tokens in texts])
        if self.fails:
            raise DecodeError(1)
        return np.array([[tokens[0], len(tokens)] for tokens in texts], dtype=np.float32)


def make_request(
    *texts: list[int], request_id: int = 1, queue_key: str = "", dimensions: int | None = None
) -> EmbeddingRequest:
    return EmbeddingRequest("owner", request_id, list(texts), dimensions, QueueKey(queue_key))


def run(engine: EmbeddingEngine) -> list[Event]:
    events: list[Event] = []
    while engine.has_work:
        events += [event for _, event in engine.step()]
    return events


def vectors(events: list[Event]) -> dict[tuple[int, int], list[float]]:
    return {(e.request_id, e.choice): np.frombuffer(e.data, "<f4").tolist() for e in events if isinstance(e, Vector)}


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def engine(embedder: FakeEmbedder) -> EmbeddingEngine:
    return EmbeddingEngine(embedder, max_waiting_requests=3, max_waiting_tokens=20)


def test_every_text_is_answered_once_with_a_vector_of_length_1(engine: EmbeddingEngine) -> None:
    engine.submit(make_request([3] * 4, [4] * 3))
    events = run(engine)
    assert vectors(events) == {(1, 0): pytest.approx([0.6, 0.8]), (1, 1): pytest.approx([0.8, 0.6])}
    assert [event.choice for event in events if isinstance(event, Finished)] == [0, 1]


def test_texts_share_a_pass_as_long_as_they_fit(engine: EmbeddingEngine, embedder: FakeEmbedder) -> None:
    engine.submit(make_request([1] * 6, [2] * 4, [3] * 5))
    engine.submit(make_request([4], [5], [6], request_id=2))
    run(engine)
    assert embedder.batches == [[1, 2], [3, 4, 5], [6]]


def test_queues_are_served_in_rotation(engine: EmbeddingEngine, embedder: FakeEmbedder) -> None:
    engine.submit(make_request([1] * 5, [2] * 5, [3] * 5, queue_key="ada"))
    engine.submit(make_request([9] * 5, request_id=2, queue_key="eve"))
    run(engine)
    assert embedder.batches == [[1, 9], [2, 3]]


def test_a_cancelled_request_is_forgotten_and_others_go_on(engine: EmbeddingEngine) -> None:
    cancelled = make_request([1] * 8, [2] * 8)
    engine.submit(cancelled)
    engine.submit(make_request([3], request_id=2))
    engine.step()
    engine.cancel(cancelled)
    engine.cancel(cancelled)
    assert set(vectors(run(engine))) == {(2, 0)}
    engine.submit(make_request([1] * 10, [1] * 10, request_id=3))  # its tokens do not count any more


def test_the_queue_is_bounded_in_requests_and_in_tokens(engine: EmbeddingEngine) -> None:
    engine.submit(make_request([1] * 10, [1] * 10, [1] * 10))  # an empty queue takes any request
    with pytest.raises(QueueFull):
        engine.submit(make_request([1]))
    other = EmbeddingEngine(FakeEmbedder(), max_waiting_requests=1, max_waiting_tokens=100)
    other.submit(make_request([1]))
    with pytest.raises(QueueFull):
        other.submit(make_request([2]))
    assert other.stats(1).counters["rejected"] == 1


def test_a_failed_pass_costs_only_the_requests_in_it(engine: EmbeddingEngine, embedder: FakeEmbedder) -> None:
    engine.submit(make_request([1] * 6, [2] * 6))
    engine.submit(make_request([3] * 6, request_id=2))
    embedder.fails = True
    failed = [event for _, event in engine.step()]
    assert [event.request_id for event in failed if isinstance(event, Failed)] == [1]
    embedder.fails = False
    assert set(vectors(run(engine))) == {(2, 0)}


def test_fewer_dimensions_have_length_1_again(engine: EmbeddingEngine) -> None:
    engine.submit(make_request([3] * 4, dimensions=1))
    assert vectors(run(engine)) == {(1, 0): [1.0]}


def test_a_vector_of_zeros_stays_one() -> None:
    assert normalised(np.zeros(3, dtype=np.float32)).tolist() == [0, 0, 0]
