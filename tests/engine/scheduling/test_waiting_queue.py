"""Who waits, in which order, and that the queue's account of it stays true."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from server.engine.detokenizer import Detokenizer
from server.engine.sampling.sampler import Sampler
from server.engine.scheduling.places import QueueFull
from server.engine.scheduling.waiting_queue import WaitingQueue
from server.engine.sequence import Request, Sequence
from server.protocol.values import QueueKey, SamplingParams
from tests.engine.driving import make_request


def sequences_of(request: Request, num_choices: int = 1) -> list[Sequence]:
    return [
        Sequence(request, choice, lambda: Sampler(SamplingParams()), Detokenizer()) for choice in range(num_choices)
    ]


def test_queues_are_served_in_rotation() -> None:
    queue = WaitingQueue(100, 1000)
    for request_id, queue_key in enumerate(["a", "a", "a", "b", "c", "b"]):
        queue.add(sequences_of(make_request([1], request_id, queue_key=QueueKey(queue_key))), 0)
    order = []
    while queue:
        sequence = next(queue.in_order())
        queue.take(sequence)
        order.append(sequence.request.request_id)
    assert order == [0, 3, 4, 1, 5, 2]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 30), st.integers(1, 3), st.booleans()), max_size=30),
    st.randoms(),
)
def test_what_is_counted_is_there(arrivals: list[tuple[str, int, int, bool]], random: Random) -> None:
    queue = WaitingQueue(8, 120)
    waiting: list[Sequence] = []
    for request_id, (queue_key, num_tokens, num_choices, is_left) in enumerate(arrivals):
        sequences = sequences_of(make_request([1] * num_tokens, request_id, queue_key=QueueKey(queue_key)), num_choices)
        held = {sequence.request for sequence in waiting}
        held_tokens = sum(len(request.prompt) for request in held)
        try:
            queue.add(sequences, 0)
        except QueueFull:
            assert len(held) >= 8 or (held and held_tokens + num_tokens > 120)
        else:
            waiting += sequences
        if waiting and is_left:
            leaving = random.choice(waiting)
            queue.remove(leaving)
            waiting.remove(leaving)
        assert len(queue) == len(waiting)
        assert {*queue} == {*queue.in_order()} == {*waiting}
