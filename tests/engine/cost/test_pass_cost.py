"""How sequences are cut into passes over the weights, on machines whose costs are made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from server.engine.cost.pass_cost import TRIAL_INTERVAL, PassCost
from server.engine.passes import in_fastest_passes, runs

Seconds = Callable[[int], float]


@dataclass
class FakeSpan:
    slot_index: int
    tokens: list[int] = field(default_factory=lambda: [1])
    start: int = 0
    num_logits: int = 1
    num_padding: int = 0


def play(num_rows: int, seconds: Seconds, num_steps: int, cost: PassCost | None = None) -> list[list[int]]:
    """The passes of each step, when every step computes `num_rows` rows."""
    cost, played = cost or PassCost(), []
    for _ in range(num_steps):
        played.append(cost.partition(num_rows))
        cost.learn(played[-1], sum(map(seconds, played[-1])))
    return played


def test_rows_go_together_where_that_is_faster() -> None:
    played = play(4, lambda num_rows: 10 + num_rows, 50)
    assert played[:3] == [[4], [1, 1, 1, 1], [4]], "tried apart once"
    assert all(passes == [4] for passes in played[2:])


def test_rows_go_apart_where_that_is_faster() -> None:
    seconds: Seconds = {1: 15.0, 2: 36.0, 3: 55.0}.__getitem__
    assert play(2, seconds, 50)[1:].count([1, 1]) == 47, "tried together twice, to be sure"
    assert play(3, seconds, 50)[-1] == [1, 1, 1]


def test_what_is_known_of_smaller_passes_is_put_together() -> None:
    seconds: Seconds = {1: 15.0, 4: 40.0, 5: 69.0}.__getitem__
    cost = PassCost()
    for num_rows in (1, 4, 5):
        cost.learn([num_rows], seconds(num_rows))
    assert sorted(cost.partition(5)) == [1, 4]


def test_where_it_never_pays_nothing_is_tried_apart() -> None:
    """A GPU's first passes of a new shape are slow, whatever they cost later."""
    cost = PassCost(may_split=False)
    cost.learn([1], 1.0)
    cost.learn([4], 20.0)
    assert play(4, lambda num_rows: 20.0, 300, cost) == [[4]] * 300
    assert cost.fastest_seconds(4) == pytest.approx(20)


def test_noise_decides_nothing() -> None:
    assert play(2, {1: 10.0, 2: 20.3}.__getitem__, 60)[-1] == [2]


def test_a_change_of_the_machine_is_noticed() -> None:
    cost = PassCost()
    play(2, {1: 15.0, 2: 36.0}.__getitem__, 20, cost)
    played = play(2, {1: 15.0, 2: 16.0}.__getitem__, 6 * TRIAL_INTERVAL, cost)
    assert played[0] == [1, 1]
    assert played[-1] == [2]


@pytest.mark.parametrize("num_rows", [1, 2, 5, 8, 9, 200])
def test_no_row_is_lost(num_rows: int) -> None:
    assert {sum(passes) for passes in play(num_rows, lambda rows: 1.0 + rows % 3, 20)} == {num_rows}


def test_an_unlucky_first_time_is_found_out() -> None:
    cost = PassCost()
    for num_rows, unlucky in ((4, 67.0), (8, 160.0)):
        cost.learn([num_rows], unlucky)
    assert cost.partition(8) == [4, 4]
    played = play(8, {4: 67.0, 8: 120.0}.__getitem__, 30, cost)
    assert played.count([4, 4]) < 16
    assert played[-1] == [8]


def test_what_was_not_seen_is_guessed_from_its_neighbours() -> None:
    cost = PassCost()
    assert cost.seconds(3) is None
    cost.learn([2], 20)
    cost.learn([6], 40)
    assert [cost.seconds(num_rows) for num_rows in (1, 2, 3, 6, 99)] == [20, 20, 25, 40, 40]


def test_llama_cpp_cuts_where_slots_are_not_consecutive() -> None:
    spans = [FakeSpan(slot) for slot in (5, 6, 2, 3, 0)]
    assert [[span.slot_index for span in run] for run in runs(spans)] == [[5, 6], [2, 3], [0]]


def test_the_order_makes_the_passes_that_were_chosen() -> None:
    cost = PassCost()
    for passes, seconds in (([1], 10.0), ([2], 30.0), ([4], 30.0)):
        cost.learn(passes, seconds)
    ordered = in_fastest_passes([FakeSpan(slot) for slot in (9, 1, 0, 4, 5, 6, 7)], cost)
    assert [[span.slot_index for span in run] for run in runs(ordered)] == [[9], [4, 5, 6, 7], [1], [0]]
