"""Bounds, and the share of who comes late."""

from __future__ import annotations

import pytest

from server.engine.scheduling.places import Places, QueueFull


def num_taken(places: Places, caller: str, size: int = 1, attempts: int = 1000) -> int:
    """The number of requests of a size that a caller gets places for."""
    for number in range(attempts):
        try:
            places.enter(caller, size)
        except QueueFull:
            return number
    return attempts


def test_one_caller_may_take_all_places() -> None:
    places = Places(10, 100)
    assert num_taken(places, "a") == 10
    with pytest.raises(QueueFull) as full:
        places.enter("a", 1)
    assert full.value.limit == 10


def test_size_is_bounded_as_well() -> None:
    places = Places(10, 100)
    assert num_taken(places, "a", size=30) == 3
    with pytest.raises(QueueFull) as full:
        places.enter("a", 30)
    assert full.value.limit == 100


def test_who_comes_late_gets_an_equal_share() -> None:
    places = Places(12, 1000)
    assert [num_taken(places, caller) for caller in "abc"] == [12, 6, 4]


def test_so_it_is_with_size() -> None:
    places = Places(100, 120)
    assert [num_taken(places, caller, size=10) for caller in "abc"] == [12, 6, 4]


def test_the_first_request_of_a_caller_may_have_any_size() -> None:
    places = Places(10, 100)
    places.enter("a", 5000)
    places.enter("b", 5000)
    with pytest.raises(QueueFull):
        places.enter("b", 1000)


def test_however_many_callers_come_there_is_an_end() -> None:
    places = Places(16, 1000)
    total = sum(num_taken(places, f"caller {number}") for number in range(1000))
    assert total == places.num_requests <= 16 * 4


def test_a_place_that_was_given_back_can_be_had_again() -> None:
    places = Places(2, 10)
    places.enter("a", 5)
    places.enter("a", 5)
    places.leave("a", 5)
    places.enter("a", 5)
    with pytest.raises(QueueFull):
        places.enter("a", 1)


def test_requests_that_need_no_place_do_not_count() -> None:
    places = Places(2, 10)
    for _ in range(5):
        places.enter("a", 0, num_free=3)
    with pytest.raises(QueueFull):
        places.enter("a", 0, num_free=3)
