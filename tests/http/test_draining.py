"""The last seconds of a worker. Each test has a state of its own, since a worker has one for good."""

from __future__ import annotations

import math
from types import ModuleType

import gevent
import pytest
from gevent.event import Event

from server.http import draining as draining_module


@pytest.fixture
def draining(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(draining_module, "_deadline", math.inf)
    monkeypatch.setattr(draining_module, "deadline_event", Event())
    return draining_module


def test_at_first_there_is_all_the_time_in_the_world(draining: ModuleType) -> None:
    assert not draining.is_draining()
    assert draining.seconds_left() == math.inf
    assert not draining.deadline_event.is_set()


def test_once_begun_the_time_runs_out(draining: ModuleType) -> None:
    draining.begin(3600)
    assert draining.is_draining()
    assert 0 < draining.seconds_left() <= 3600
    assert not draining.deadline_event.is_set()


def test_the_deadline_wakes_whoever_waits_for_it(draining: ModuleType) -> None:
    draining.begin(0.02)
    assert draining.deadline_event.wait(timeout=60)
    assert draining.seconds_left() == pytest.approx(0, abs=0.1)  # the loop's timers may be early by some milliseconds


def test_without_grace_the_deadline_is_now(draining: ModuleType) -> None:
    draining.begin(0)
    assert draining.deadline_event.is_set()
    assert draining.is_draining()


def test_a_second_begin_can_only_shorten_the_time(draining: ModuleType) -> None:
    draining.begin(0.02)
    draining.begin(3600)
    assert draining.deadline_event.wait(timeout=60)


def test_impatience_may_come_later(draining: ModuleType) -> None:
    draining.begin(3600)
    draining.begin(0)
    assert draining.deadline_event.is_set()


def test_a_callback_that_comes_late_is_called_too(draining: ModuleType) -> None:
    draining.begin(0)
    called = Event()
    draining.deadline_event.rawlink(lambda _: called.set())
    with gevent.Timeout(60):
        called.wait()


def test_work_without_a_connection_is_waited_for(draining: ModuleType) -> None:
    assert draining.wait_for_work(0)
    with draining.work():
        with draining.work():
            pass
        assert not draining.wait_for_work(0)
    assert draining.wait_for_work(0)
