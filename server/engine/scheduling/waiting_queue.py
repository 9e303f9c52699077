"""Who waits for a slot, and in which order: in turns, however much a caller brings.

Knows sequences and the keys of their queues; it does not know slots, or who is behind a key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from server.engine.scheduling.places import Places
from server.engine.scheduling.rotation import Rotation
from server.engine.sequence import Request, Sequence


class WaitingQueue:
    """Waiting sequences in rotation; bounded in requests and prompt tokens.

    Adding and removing takes a constant time, however many wait. The length may be asked for from any thread.
    """

    def __init__(self, max_requests: int, max_tokens: int) -> None:
        self._places = Places(max_requests, max_tokens)
        self._rotation: Rotation[Sequence] = Rotation()
        self._by_request: Counter[Request] = Counter()

    def __len__(self) -> int:
        return len(self._rotation)

    def __iter__(self) -> Iterator[Sequence]:
        return iter(self._rotation)

    def add(self, sequences: list[Sequence], num_free_slots: int) -> None:
        """Append the sequences of one request to the queue of its key.

        A request that can have a free slot in the next step does not count as waiting.

        Raises:
            QueueFull: if a bound is reached already. An empty queue takes any request.
        """
        request = sequences[0].request
        self._places.enter(request.queue_key.caller, len(request.prompt), num_free_slots)
        self._rotation.add(request.queue_key, sequences)
        self._by_request[request] += len(sequences)

    def in_order(self) -> Iterator[Sequence]:
        """All waiting sequences in the order of service."""
        return self._rotation.in_order()

    def take(self, sequence: Sequence) -> None:
        """Remove a sequence that gets a slot; its turn is over."""
        self._rotation.take(sequence.request.queue_key, sequence)
        self._count_out(sequence.request)

    def remove(self, sequence: Sequence) -> None:
        """Remove a sequence that waits no longer."""
        self._rotation.remove(sequence.request.queue_key, sequence)
        self._count_out(sequence.request)

    def _count_out(self, request: Request) -> None:
        self._by_request[request] -= 1
        if not self._by_request[request]:
            del self._by_request[request]
            self._places.leave(request.queue_key.caller, len(request.prompt))
