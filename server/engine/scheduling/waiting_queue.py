"""Who waits for a slot, and in which order: one queue for each key, served in rotation, however long each queue is.

Knows sequences and the keys of their queues; it does not know slots, or who is behind a key.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from itertools import zip_longest

from server.engine.sequence import Request, Sequence


class QueueFull(Exception):
    """The queue is full; carries the bound that was reached."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} requests or tokens are waiting already")
        self.limit = limit


class WaitingQueue:
    """Waiting sequences in queues by key, served in rotation; bounded in requests and prompt tokens.

    Adding and removing takes a constant time, however many wait. The length may be asked for from any thread.
    """

    def __init__(self, max_requests: int, max_tokens: int) -> None:
        self._max_requests = max_requests
        self._max_tokens = max_tokens
        self._by_key: OrderedDict[str, dict[Sequence, None]] = OrderedDict()
        self._by_request: Counter[Request] = Counter()
        self._num_sequences = 0
        self._num_tokens = 0

    def __len__(self) -> int:
        return self._num_sequences

    def __iter__(self) -> Iterator[Sequence]:
        for queue in self._by_key.values():
            yield from queue

    def add(self, sequences: list[Sequence], num_free_slots: int) -> None:
        """Append the sequences of one request to the queue of its key.

        A request that can have a free slot in the next step does not count as waiting.

        Raises:
            QueueFull: if a bound is reached already. An empty queue takes any request.
        """
        request, num_requests = sequences[0].request, len(self._by_request)
        if num_requests >= self._max_requests + num_free_slots:
            raise QueueFull(self._max_requests)
        if num_requests > num_free_slots and self._num_tokens + len(request.prompt) > self._max_tokens:
            raise QueueFull(self._max_tokens)
        self._by_key.setdefault(request.queue_key, {}).update(dict.fromkeys(sequences))
        self._by_request[request] += len(sequences)
        self._num_sequences += len(sequences)
        self._num_tokens += len(request.prompt)

    def in_order(self) -> Iterator[Sequence]:
        """All waiting sequences in the order of service: the first of every queue, the second of every queue, and so
        on."""
        for one_of_each in zip_longest(*self._by_key.values()):
            yield from (sequence for sequence in one_of_each if sequence is not None)

    def take(self, sequence: Sequence) -> None:
        """Remove a sequence that gets a slot; its queue goes to the end of the rotation."""
        self.remove(sequence)
        if sequence.request.queue_key in self._by_key:
            self._by_key.move_to_end(sequence.request.queue_key)

    def remove(self, sequence: Sequence) -> None:
        request = sequence.request
        del self._by_key[request.queue_key][sequence]
        if not self._by_key[request.queue_key]:
            del self._by_key[request.queue_key]
        self._num_sequences -= 1
        self._by_request[request] -= 1
        if not self._by_request[request]:
            del self._by_request[request]
            self._num_tokens -= len(request.prompt)
