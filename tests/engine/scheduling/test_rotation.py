"""Turns: of callers, and of the users that they name."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from server.engine.scheduling.rotation import Rotation
from server.protocol.values import QueueKey


def served(rotation: Rotation[str], keys: dict[str, QueueKey]) -> list[str]:
    order = []
    while rotation:
        item = next(rotation.in_order())
        rotation.take(keys[item], item)
        order.append(item)
    return order


def rotation_of(keys: dict[str, QueueKey]) -> Rotation[str]:
    rotation: Rotation[str] = Rotation()
    for item, key in keys.items():
        rotation.add(key, [item])
    return rotation


def test_callers_take_turns() -> None:
    keys = {"a1": QueueKey("a"), "a2": QueueKey("a"), "a3": QueueKey("a"), "b1": QueueKey("b"), "c1": QueueKey("c")}
    assert served(rotation_of(keys), keys) == ["a1", "b1", "c1", "a2", "a3"]


def test_a_caller_that_names_many_users_has_one_turn_in_a_round() -> None:
    keys = {f"a{number}": QueueKey("a", f"user {number}") for number in range(50)}
    keys |= {"b1": QueueKey("b"), "b2": QueueKey("b"), "b3": QueueKey("b")}
    assert served(rotation_of(keys), keys)[:6] == ["a0", "b1", "a1", "b2", "a2", "b3"]


def test_the_users_of_a_caller_take_turns() -> None:
    keys = {f"a{number}": QueueKey("a", "busy") for number in range(3)} | {"p1": QueueKey("a", "patient")}
    assert served(rotation_of(keys), keys) == ["a0", "p1", "a1", "a2"]


@given(
    st.dictionaries(st.integers(0, 99), st.tuples(st.sampled_from("abc"), st.sampled_from(["", "u", "v"]))),
    st.randoms(),
)
def test_what_is_added_is_there_until_it_leaves(keys: dict[int, tuple[str, str]], random: Random) -> None:
    rotation: Rotation[int] = Rotation()
    for item, key in keys.items():
        rotation.add(QueueKey(*key), [item])
    left = list(keys)
    while left:
        assert sorted(rotation) == sorted(rotation.in_order()) == sorted(left)
        assert len(rotation) == len(left)
        leaving = left.pop(random.randrange(len(left)))
        random.choice([rotation.take, rotation.remove])(QueueKey(*keys[leaving]), leaving)
    assert not rotation
