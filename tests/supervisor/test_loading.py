"""Loading and unloading in the life of one model, with a clock that the tests turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.protocol.report import Report
from server.supervisor.wishes import COME_BACK_SECONDS
from tests.processes import write_model
from tests.supervisor.test_watched_model import READY, TIMEOUT_SECONDS, Life

SOMEBODY, ANOTHER = object(), object()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(write_model(tmp_path))


@pytest.fixture
def on_demand(path: str) -> Life:
    return Life("on-demand", path=path)


@pytest.fixture
def ready(path: str) -> Life:
    life = Life(path=path)
    life.say(READY)
    return life


@pytest.mark.parametrize("load", ["on-demand", "manual"])
def test_what_is_not_to_be_loaded_at_the_start_is_not(path: str, load: str) -> None:
    life = Life(load, path=path)  # type: ignore[arg-type]
    assert (life.state, life.model.status.load, life.launcher.started) == ("unloaded", load, [])
    assert life.model.deadline is None


def test_several_who_want_it_load_it_once(on_demand: Life) -> None:
    on_demand.model.want(SOMEBODY, on_demand.now)
    on_demand.model.want(ANOTHER, on_demand.now)
    assert (on_demand.state, len(on_demand.launcher.started)) == ("loading", 1)


def test_a_load_that_nobody_waits_for_any_more_is_given_up(on_demand: Life) -> None:
    on_demand.model.want(SOMEBODY, on_demand.now)
    on_demand.model.want(ANOTHER, on_demand.now)
    on_demand.model.forget(SOMEBODY, on_demand.now)
    assert on_demand.state == "loading"
    on_demand.model.forget(ANOTHER, on_demand.now)
    assert (on_demand.state, on_demand.child.deadline) == ("unloading", on_demand.now + 5)
    on_demand.say(READY)
    on_demand.die(0)
    assert (on_demand.state, on_demand.message, on_demand.model.deadline) == ("unloaded", "", None)


def test_a_model_that_is_ready_stays_when_those_who_wanted_it_have_gone(on_demand: Life) -> None:
    on_demand.model.want(SOMEBODY, on_demand.now)
    on_demand.say(READY)
    on_demand.model.forget(SOMEBODY, on_demand.now)
    assert (on_demand.state, on_demand.child.orders) == ("ready", [])


def test_a_load_goes_on_for_those_who_come_back_but_not_for_ever(on_demand: Life) -> None:
    on_demand.model.want(SOMEBODY, on_demand.now)
    on_demand.model.expect(SOMEBODY, on_demand.now)
    on_demand.say(Report(state="loading", progress=0.1))
    while on_demand.now < 1000 + COME_BACK_SECONDS - 5:
        on_demand.wait(TIMEOUT_SECONDS / 10)
        on_demand.say(Report(state="loading", progress=0.1))
        assert on_demand.state == "loading"
    assert on_demand.model.deadline is not None
    on_demand.wait(1000 + COME_BACK_SECONDS - on_demand.now)
    assert on_demand.state == "unloading"


def test_a_failure_on_demand_is_not_repeated_by_itself_nor_in_a_storm(on_demand: Life) -> None:
    on_demand.model.want(SOMEBODY, on_demand.now)
    on_demand.die(3)
    assert (on_demand.state, on_demand.model.status.retry_at, on_demand.model.deadline) == ("failed", None, None)
    on_demand.model.want(ANOTHER, on_demand.now)
    assert (on_demand.state, len(on_demand.launcher.started)) == ("failed", 1)
    on_demand.wait(0.5)
    on_demand.model.want(ANOTHER, on_demand.now)
    assert (on_demand.state, len(on_demand.launcher.started)) == ("loading", 2)


def test_a_failure_is_repeated_for_whoever_runs_the_server(on_demand: Life) -> None:
    on_demand.model.load(on_demand.now)
    on_demand.die(3)
    assert on_demand.state == "failed"
    on_demand.wait(on_demand.seconds_to_retry())
    assert on_demand.state == "loading"


def test_an_engine_that_crashes_is_replaced_although_nobody_waits(on_demand: Life) -> None:
    on_demand.model.want(SOMEBODY, on_demand.now)
    on_demand.say(READY)
    on_demand.model.forget(SOMEBODY, on_demand.now)
    on_demand.die(-9)
    assert on_demand.state == "restarting"


def test_unloading_lets_the_engine_finish_and_then_waits_to_be_asked(ready: Life) -> None:
    ready.model.unload(ready.now, force=False)
    assert (ready.state, ready.child.orders, ready.child.deadline) == ("unloading", ["retire"], None)
    ready.wait(3600)
    assert (ready.state, ready.child.deadline) == ("unloading", None)
    ready.die(0)
    assert (ready.state, ready.model.status.load, ready.model.deadline) == ("unloaded", "on-demand", None)
    ready.model.want(SOMEBODY, ready.now)
    assert ready.state == "loading"


def test_unloading_by_force_does_not_wait(ready: Life) -> None:
    ready.model.unload(ready.now, force=False)
    ready.model.unload(ready.now, force=True)
    assert (ready.child.orders, ready.child.deadline) == (["retire"], ready.now + 5)
    ready.die(-9)
    assert ready.state == "unloaded"


def test_unloading_while_it_loads_is_immediate(path: str) -> None:
    life = Life(path=path)
    life.model.unload(life.now, force=False)
    assert (life.state, life.child.orders, life.child.deadline) == ("unloading", [], life.now + 5)


def test_unloading_what_waits_for_its_next_attempt_ends_that(path: str) -> None:
    life = Life(path=path)
    life.die(3)
    life.model.unload(life.now, force=False)
    assert (life.state, life.message, life.model.deadline) == ("unloaded", "", None)


def test_what_is_wanted_while_it_unloads_is_loaded_again_afterwards(ready: Life) -> None:
    ready.model.unload(ready.now, force=False)
    ready.model.want(SOMEBODY, ready.now)
    assert ready.state == "unloading"
    ready.die(0)
    assert (ready.state, len(ready.launcher.started)) == ("loading", 2)


def test_an_engine_that_hangs_while_it_unloads_is_killed(ready: Life) -> None:
    ready.say(Report(state="alive"))
    ready.model.unload(ready.now, force=False)
    ready.say(Report(state="alive", standing_seconds=TIMEOUT_SECONDS))
    assert ready.child.is_killed
    ready.die(-9)
    assert ready.state == "unloaded"


def test_another_device_takes_another_engine(ready: Life) -> None:
    ready.model.load(ready.now, "cpu")
    assert (ready.state, ready.child.orders) == ("unloading", ["retire"])
    ready.die(0)
    ready.say(READY)
    assert (ready.state, ready.launcher.devices) == ("ready", ["auto", "cpu"])
    ready.model.load(ready.now, "cpu")
    ready.model.load(ready.now)
    assert ready.state == "ready"


def test_stopping_an_unloaded_model_is_immediate(on_demand: Life) -> None:
    on_demand.model.stop(on_demand.now)
    on_demand.model.want(SOMEBODY, on_demand.now)
    on_demand.model.load(on_demand.now)
    assert (on_demand.model.is_stopped, on_demand.state) == (True, "stopped")


# --- engines that make no progress ----------------------------------------------------------------------------------


def test_an_engine_that_makes_no_progress_with_loading_is_replaced(path: str) -> None:
    life = Life(path=path)
    life.wait(1)
    life.say(Report(state="loading", progress=0.1))
    for _ in range(int(TIMEOUT_SECONDS) - 1):
        life.wait(1)
    assert (life.state, life.child.is_killed) == ("loading", False)
    life.wait(1)
    assert life.child.is_killed
    life.die(-9)
    assert life.message == "the engine made no progress with loading for too long and was killed"
    life.wait(life.seconds_to_retry())
    assert (life.state, len(life.launcher.started)) == ("loading", 2)


def test_an_engine_that_makes_progress_may_take_its_time(path: str) -> None:
    life = Life(path=path)
    for _ in range(100):
        life.say(Report(state="loading", progress=0.1))
        life.wait(TIMEOUT_SECONDS - 1)
    assert (life.state, life.child.is_killed) == ("loading", False)


def test_a_download_may_be_silent(path: str) -> None:
    life = Life(hub_source="owner/name:file.gguf")
    life.say(Report(state="downloading", progress=0.1))
    life.wait(10 * TIMEOUT_SECONDS)
    assert (life.state, life.child.is_killed) == ("downloading", False)
