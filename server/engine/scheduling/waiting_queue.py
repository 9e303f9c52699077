"""Who waits for a slot, and in which order: users take turns, however much each of them wants.

Knows sequences and the users they belong to; it does not know slots, or what anybody's turn is worth.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from itertools import zip_longest

from server.engine.sequence import Request, Sequence


class QueueFull(Exception):
    """The queue's bound is reached; carries the bound."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} requests or tokens are waiting already")
        self.limit = limit


class WaitingQueue:
    """Waiting sequences, a queue a user, served in rotation; bounded in requests and prompt tokens.

    Adding and removing takes the same time however many wait. The length may be asked for from any thread.
    """

    def __init__(self, max_requests: int, max_tokens: int) -> None:
        self._max_requests = max_requests
        self._max_tokens = max_tokens
        self._by_user: OrderedDict[str, dict[Sequence, None]] = OrderedDict()
        self._by_request: Counter[Request] = Counter()
        self._num_sequences = 0
        self._num_tokens = 0

    def __len__(self) -> int:
        return self._num_sequences

    def __iter__(self) -> Iterator[Sequence]:
        for queue in self._by_user.values():
            yield from queue

    def add(self, sequences: list[Sequence], num_free_slots: int) -> None:
        """Append the sequences of one request to their user's queue.

        Whoever can have a free slot in the next step does not count as waiting.

        Raises:
            QueueFull: if that many are waiting already. An empty queue takes any request.
        """
        request, num_requests = sequences[0].request, len(self._by_request)
        if num_requests >= self._max_requests + num_free_slots:
            raise QueueFull(self._max_requests)
        if num_requests > num_free_slots and self._num_tokens + len(request.prompt) > self._max_tokens:
            raise QueueFull(self._max_tokens)
        self._by_user.setdefault(request.user, {}).update(dict.fromkeys(sequences))
        self._by_request[request] += len(sequences)
        self._num_sequences += len(sequences)
        self._num_tokens += len(request.prompt)

    def in_turn(self) -> Iterator[Sequence]:
        """All that wait, in the order in which they should get slots: every user's first, every user's second, ..."""
        for round_of_turns in zip_longest(*self._by_user.values()):
            yield from (sequence for sequence in round_of_turns if sequence is not None)

    def take(self, sequence: Sequence) -> None:
        """Remove a sequence that gets a slot; its user goes to the end of the rotation."""
        self.remove(sequence)
        if sequence.request.user in self._by_user:
            self._by_user.move_to_end(sequence.request.user)

    def remove(self, sequence: Sequence) -> None:
        request = sequence.request
        del self._by_user[request.user][sequence]
        if not self._by_user[request.user]:
            del self._by_user[request.user]
        self._num_sequences -= 1
        self._by_request[request] -= 1
        if not self._by_request[request]:
            del self._by_request[request]
            self._num_tokens -= len(request.prompt)
