"""Who gets memory and who gives it, with a clock that the tests turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.protocol.report import Report
from server.supervisor.budget import IDLE_SECONDS, Budget
from tests.processes import write_model
from tests.supervisor.test_watched_model import READY, Life

MIB = 1 << 20


class House:
    """Models that share 100 MiB, and a clock for all of them."""

    def __init__(self, directory: Path) -> None:
        self.path = str(write_model(directory))
        self.lives: list[Life] = []
        self.now = 1000.0

    def add(self, **own: Any) -> Life:
        self.lives.append(Life(**{"load": "on-demand", "now": self.now, "path": self.path, **own}))
        return self.lives[-1]

    def needs(self, life: Life, mib: int) -> None:
        """It is wanted by somebody, and its engine says what it needs."""
        life.model.want(life, self.now)
        life.say(Report(state="needs", memory_bytes=mib * MIB))
        self.share()

    def ready(self, mib: int, **own: Any) -> Life:
        """One more that is loaded, and has been used just now."""
        life = self.add(**own)
        self.needs(life, mib)
        assert life.child.orders == ["go on"]
        life.say(READY)
        life.model.forget(life, self.now)
        self.wait(0.1)
        return life

    def share(self) -> None:
        Budget(100 * MIB).share([life.model for life in self.lives], self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for life in self.lives:
            life.wait(seconds)
        self.share()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_fits_is_loaded_at_once(house: House) -> None:
    first, second = house.ready(60), house.ready(40)
    assert [first.state, second.state] == ["ready", "ready"]
    assert first.model.status.memory_bytes == 60 * MIB


def test_without_a_limit_everything_fits(house: House) -> None:
    life = house.add()
    life.model.want(life, house.now)
    life.say(Report(state="needs", memory_bytes=10**15))
    Budget(None).share([life.model], house.now)
    assert life.child.orders == ["go on"]


def test_what_can_never_fit_is_refused_with_both_numbers_and_not_tried_again_by_itself(house: House) -> None:
    other = house.ready(60)
    large = house.add(load="start")
    house.needs(large, 101)
    assert large.child.deadline is not None
    large.die(0)
    assert (large.state, large.model.is_too_large) == ("failed", True)
    assert "needs 101 MiB" in large.message
    assert "100 MiB (max_model_memory_mb)" in large.message
    assert large.model.deadline is None
    house.wait(100)
    assert other.state == "ready", "nothing goes for what can never fit"


def test_the_model_that_was_used_least_recently_goes_and_no_more_than_needed(house: House) -> None:
    oldest, middle, newest = house.ready(30), house.ready(30), house.ready(30)
    house.wait(IDLE_SECONDS)
    oldest.say(Report(state="alive", idle_seconds=0.0))
    house.wait(IDLE_SECONDS)
    wanted = house.add()
    house.needs(wanted, 40)
    assert [oldest.state, middle.state, newest.state] == ["ready", "unloading", "ready"]
    assert middle.child.orders == ["go on", "make room"]
    assert (wanted.state, wanted.child.orders) == ("loading", [])
    assert wanted.message == "waits for memory: it needs 40 MiB, and other models have 90 MiB of 100 MiB"
    house.share()
    assert newest.state == "ready", "what is on its way counts"
    middle.die(0)
    house.share()
    assert (middle.state, wanted.child.orders, wanted.message) == ("unloaded", ["go on"], "")


def test_several_go_if_one_is_not_enough(house: House) -> None:
    first, second, third = house.ready(30), house.ready(30), house.ready(30)
    house.wait(IDLE_SECONDS)
    house.needs(house.add(), 70)
    assert [first.state, second.state, third.state] == ["unloading", "unloading", "ready"]


def test_none_goes_that_answers_or_was_loaded_by_hand_or_has_just_been_loaded(house: House) -> None:
    busy, by_hand = house.ready(30), house.ready(30, load="manual")
    house.wait(10)
    busy.say(Report(state="alive"))
    fresh = house.ready(30)
    wanted = house.add()
    house.needs(wanted, 40)
    assert {busy.state, by_hand.state, fresh.state} == {"ready"}
    house.wait(IDLE_SECONDS)
    assert fresh.state == "unloading"
    assert (busy.state, by_hand.state, wanted.state) == ("ready", "ready", "loading")


def test_one_that_turns_out_to_be_busy_stays_and_another_goes(house: House) -> None:
    first, second = house.ready(50, load="start"), house.ready(50)
    house.wait(IDLE_SECONDS)
    house.needs(house.add(), 40)
    assert (first.state, second.state) == ("unloading", "ready")
    first.say(Report(state="busy"))
    house.share()
    assert (first.state, first.model.status.load, second.state) == ("ready", "start", "unloading")


def test_whoever_came_first_is_served_first(house: House) -> None:
    busy = house.ready(60)
    house.wait(10)
    busy.say(Report(state="alive"))
    large, small = house.add(), house.add()
    house.needs(large, 80)
    house.wait(1)
    house.needs(small, 20)
    assert small.child.orders == [], "or a large model would never have its turn"
    large.model.forget(large, house.now)
    house.share()
    assert small.child.orders == ["go on"]


def test_a_load_that_waits_for_memory_is_not_taken_for_one_that_hangs(house: House) -> None:
    busy = house.ready(60)
    house.wait(10)
    busy.say(Report(state="alive"))
    wanted = house.add()
    house.needs(wanted, 80)
    for _ in range(1000):
        busy.say(Report(state="alive"))
        house.wait(1)
    assert (wanted.state, wanted.child.is_killed) == ("loading", False)


def test_what_was_loaded_at_the_start_and_made_room_comes_back_on_demand(house: House) -> None:
    first = house.ready(60, load="start")
    house.wait(IDLE_SECONDS)
    house.needs(house.add(), 60)
    first.die(0)
    assert (first.state, first.model.status.load) == ("unloaded", "on-demand")
    first.model.want(first, house.now)
    assert first.state == "loading"


def test_a_model_that_is_wanted_while_it_makes_room_comes_back_behind_the_other(house: House) -> None:
    first, second = house.ready(60), house.add()
    house.wait(IDLE_SECONDS)
    house.needs(second, 60)
    house.wait(0.1)
    first.model.want(first, house.now)
    first.die(0)
    first.say(Report(state="needs", memory_bytes=60 * MIB))
    house.share()
    assert (second.child.orders, first.child.orders, first.state) == (["go on"], [], "loading")


def test_an_idle_model_is_unloaded_after_its_time(house: House) -> None:
    life, other = house.ready(10, idle_unload_seconds=60.0), house.ready(10)
    for _ in range(59):
        house.wait(1)
        life.say(Report(state="alive", idle_seconds=10_000.0))
        assert life.state == "ready"
    house.wait(1)
    life.say(Report(state="alive"))
    assert life.state == "ready", "it answers"
    house.wait(1)
    life.say(Report(state="alive", idle_seconds=59.0))
    assert life.state == "ready", "the time counts from its last answer"
    house.wait(60)
    life.say(Report(state="alive", idle_seconds=60.0))
    assert (life.state, life.child.orders[-1], other.state) == ("unloading", "make room", "ready")
