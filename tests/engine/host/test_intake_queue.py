"""What waits for the intake: lanes, turns, bounds and cancellations."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from server.engine.host.connection import Connection
from server.engine.host.intake_queue import SHORT_BYTES, Entry, IntakeQueue
from server.engine.scheduling.places import QueueFull
from server.protocol.messages import Tokenize
from server.protocol.values import QueueKey


def connection() -> Connection:
    """One to compare by identity; nothing is sent."""
    with socket.socket() as closed:
        return Connection(closed)


CONNECTION = connection()


def entry(request_id: int, caller: str = "a", num_bytes: int = 1, connection: Connection = CONNECTION) -> Entry[Any]:
    question = Tokenize(request_id=request_id, text="", queue_key=QueueKey(caller))
    return Entry(connection, question, num_bytes, 0.0)


def queue_of(*entries: Entry[Any]) -> IntakeQueue[Any]:
    queue: IntakeQueue[Any] = IntakeQueue(100, 1 << 20)
    for each in entries:
        queue.add(each)
    return queue


def test_one_long_command_of_each_caller_is_taken_in_turn() -> None:
    queue = queue_of(*(entry(number, "a", 99_000) for number in range(5)), entry(10, "b", 99_000))
    assert [queue.take("long").command.request_id for _ in range(3)] == [0, 10, 1]


def test_a_short_command_waits_for_no_long_one() -> None:
    queue = queue_of(entry(1, num_bytes=SHORT_BYTES + 1), entry(2, num_bytes=SHORT_BYTES))
    assert queue.take("short").command.request_id == 2


def test_a_command_has_its_place_until_it_is_finished() -> None:
    queue: IntakeQueue[Any] = IntakeQueue(1, 100)
    queue.add(entry(1))
    first = queue.take("short")
    with pytest.raises(QueueFull):
        queue.add(entry(2))
    assert queue.num_refused == 1
    done: list[str] = []
    queue.finish(first, lambda: done.append("done"))
    queue.add(entry(2))
    assert done == ["done"]
    assert len(queue) == 1


def test_bytes_are_bounded() -> None:
    queue: IntakeQueue[Any] = IntakeQueue(100, 1000)
    queue.add(entry(1, num_bytes=600))
    with pytest.raises(QueueFull):
        queue.add(entry(2, num_bytes=600))
    queue.add(entry(3, "b", num_bytes=600))


def test_a_cancelled_command_gives_its_place_back_wherever_it_is() -> None:
    queue: IntakeQueue[Any] = IntakeQueue(3, 100)
    for number in (1, 2, 3):
        queue.add(entry(number))
    at_work, slow = queue.take("short"), queue.take("short")
    queue.add_slow_part(slow, ("request", "accepted"))  # type: ignore[arg-type]
    assert [queue.cancel(CONNECTION, number) for number in (1, 2, 3, 4)] == [True, True, True, False]
    done: list[str] = []
    queue.finish(at_work, lambda: done.append("done"))
    queue.add_slow_part(at_work, ("request", "accepted"))  # type: ignore[arg-type]
    assert (done, len(queue), queue.prepared(slow), queue.prepared(at_work)) == ([], 0, None, None)
    for number in (1, 2, 3):
        queue.add(entry(number))
    assert [queue.take("short").command.request_id for _ in range(3)] == [1, 2, 3]


def test_a_lost_connection_takes_its_commands_with_it() -> None:
    other = connection()
    queue = queue_of(entry(1), entry(1, connection=other), entry(2))
    queue.cancel_all(CONNECTION)
    assert len(queue) == 1
    assert queue.take("short").connection is other
