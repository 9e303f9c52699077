"""Who loses what he was let in with, while something is written for him."""

from __future__ import annotations

import gevent
import pytest

from server.auth.standing import StandingWatch
from server.errors.tree import ParleyError, Unauthorized
from storage.errors import StorageUnavailable


class Door:
    """A check that lets in until it is closed."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.num_checks = 0

    def check(self) -> None:
        self.num_checks += 1
        if self.error:
            raise self.error

    def wait_for_checks(self, num: int) -> None:
        wanted = self.num_checks + num
        while self.num_checks < wanted:
            gevent.sleep(0.001)


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_loss_is_told_once_with_its_error(door: Door) -> None:
    told: list[ParleyError] = []
    watch = StandingWatch(0.001)
    other = Door()
    stop = watch.watch(other.check, told.append)
    watch.watch(door.check, told.append)
    door.wait_for_checks(2)
    assert told == []
    door.error = Unauthorized("revoked", "Bearer")
    door.wait_for_checks(1)
    other.wait_for_checks(3)
    assert told == [door.error]
    stop()


def test_nobody_is_shut_out_while_the_database_cannot_be_asked(door: Door) -> None:
    told: list[ParleyError] = []
    stop = StandingWatch(0.001).watch(door.check, told.append)
    door.error = StorageUnavailable("it is down")
    door.wait_for_checks(3)
    assert told == []
    stop()


def test_nothing_is_asked_for_an_answer_that_has_ended(door: Door) -> None:
    watch = StandingWatch(0.001)
    stop = watch.watch(door.check, lambda _: None)
    door.wait_for_checks(1)
    stop()
    other = Door()
    stop_other = watch.watch(other.check, lambda _: None)
    other.wait_for_checks(1)
    num_checks = door.num_checks
    other.wait_for_checks(3)
    assert door.num_checks == num_checks
    stop_other()
    watch.watch(other.check, lambda _: None)
    other.wait_for_checks(1)
