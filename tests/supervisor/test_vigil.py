"""Engines that stand still, seen by the model's life, with a clock that the tests turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.protocol.report import Report
from tests.processes import write_model
from tests.supervisor.test_watched_model import READY, TIMEOUT_SECONDS, Life


@pytest.fixture
def local(tmp_path: Path) -> Life:
    return Life(path=str(write_model(tmp_path)))


def test_an_engine_that_says_that_it_moves_stays_ready(local: Life) -> None:
    local.say(READY)
    for _ in range(100):
        local.say(Report(state="alive", standing_seconds=0.5))
        local.wait(1)
    assert (local.state, local.child.is_killed) == ("ready", False)


def test_an_engine_that_stands_still_is_stalled_and_ready_when_it_goes_on(local: Life) -> None:
    local.say(READY)
    local.say(Report(state="alive", standing_seconds=TIMEOUT_SECONDS / 4))
    assert (local.state, local.message) == ("stalled", "the engine stands still")
    local.say(Report(state="alive"))
    assert (local.state, local.message) == ("ready", "")


def test_an_engine_that_falls_silent_is_stalled_then_killed_and_replaced(local: Life) -> None:
    local.say(READY)
    local.say(Report(state="alive"))
    local.wait(local.seconds_to_retry())
    assert local.state == "stalled"
    local.wait(local.seconds_to_retry())
    assert local.child.is_killed
    assert local.die(-9).kind == "engine"
    assert (local.state, len(local.launcher.started)) == ("restarting", 2)
    assert "the engine stood still for too long and was killed" in local.message
    local.say(READY)
    assert local.state == "ready"


def test_an_engine_whose_loop_stands_still_is_killed_however_much_it_says(local: Life) -> None:
    local.say(READY)
    local.say(Report(state="alive", standing_seconds=TIMEOUT_SECONDS))
    assert local.child.is_killed


def test_a_supervisor_that_stood_still_itself_blames_nobody(local: Life) -> None:
    local.say(READY)
    local.say(Report(state="alive"))
    local.wait(10 * TIMEOUT_SECONDS)
    assert (local.state, local.child.is_killed) == ("ready", False)
    local.wait(TIMEOUT_SECONDS / 4)
    assert local.state == "stalled"


def test_an_engine_that_is_being_stopped_is_not_watched(local: Life) -> None:
    local.say(READY)
    local.say(Report(state="alive"))
    local.model.stop(local.now)
    local.wait(TIMEOUT_SECONDS + 1)
    assert (local.state, local.child.is_killed) == ("stopped", False)
