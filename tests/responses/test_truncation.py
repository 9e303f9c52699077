"""Which turns are dropped when a conversation is too long."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.items import message
from server.responses.prompt import OUTPUT_TYPES, call_id_of, call_ids
from server.responses.truncation import Turns, room_for_answer


def call(call_id: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}


def output(call_id: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": "42"}


SYSTEM = message("system", "Be kind.")
TALK = [
    SYSTEM,
    message("user", "one"),
    message("assistant", "1"),
    message("user", "two"),
    call("a"),
    output("a"),
    message("assistant", "2"),
    message("user", "three"),
]


def test_turns_begin_with_the_user_and_the_last_stays() -> None:
    turns = Turns(TALK)
    assert turns.max_dropped == 2
    assert turns.without(0) == (TALK, turns.without(0)[1])
    assert turns.without(2)[0] == [SYSTEM, TALK[-1]]


def test_instructions_stay_wherever_they_are() -> None:
    developer = message("developer", "Now be brief.")
    turns = Turns([*TALK[:3], developer, *TALK[3:]])
    rest, cut = turns.without(1)
    assert rest == [SYSTEM, developer, *TALK[3:]]
    assert (cut.num_turns, cut.num_items) == (1, 2)


def test_turns_beyond_a_number_are_counted() -> None:
    assert [Turns(TALK).num_beyond(max_turns) for max_turns in (1, 2, 3, 4)] == [2, 1, 0, 0]


def test_what_was_dropped_is_counted() -> None:
    _, cut = Turns(TALK).without(1)
    assert (cut.num_turns, cut.num_items) == (1, 2)


def test_several_messages_of_the_user_in_a_row_are_one_turn() -> None:
    assert Turns([message("user", "a"), message("user", "b"), message("assistant", "c")]).max_dropped == 0


def test_an_output_after_the_next_question_goes_with_its_call() -> None:
    items = [message("user", "one"), call("a"), message("user", "wait"), output("a"), message("assistant", "ok")]
    rest, cut = Turns(items).without(1)
    assert [item["type"] for item in rest] == ["message", "message"]
    assert cut.num_items == 3


def test_at_least_one_turn_is_dropped_and_never_the_last() -> None:
    turns = Turns(TALK)
    assert turns.num_to_drop(num_tokens=100, max_tokens=99, room=100) >= 1
    assert turns.num_to_drop(num_tokens=100_000, max_tokens=10, room=100) == 2


def test_a_growing_conversation_is_cut_at_the_same_place_for_a_while() -> None:
    items: list[Any] = []
    places = []
    for number in range(60):
        items += [message("user", f"question {number:3}"), message("assistant", "an answer of some length")]
        num_tokens = 20 * (number + 1)
        if num_tokens > 800:
            places.append(Turns(items).num_to_drop(num_tokens, 800, 1000))
    assert len(set(places)) <= 3


def test_the_answer_gets_room() -> None:
    assert room_for_answer(800, None) == 100
    assert room_for_answer(800, 30) == 30
    assert room_for_answer(800, 5000) == 400


@given(st.lists(st.sampled_from(["user", "assistant", "call", "output", "system"]), max_size=30), st.data())
def test_no_output_ever_loses_its_call(kinds: list[str], data: st.DataObject) -> None:
    items: list[Any] = []
    for number, kind in enumerate(kinds):
        made = {"call": call(str(number)), "output": output(str(number - 1))}
        items.append(made.get(kind) or message(kind, "x"))
    items = [item for item in items if item["type"] not in OUTPUT_TYPES or call_id_of(item) in call_ids(items)]
    turns = Turns(items)
    rest, cut = turns.without(data.draw(st.integers(0, turns.max_dropped)))
    assert len(rest) + cut.num_items == len(items)
    assert all(call_id_of(item) in call_ids(rest) for item in rest if item["type"] in OUTPUT_TYPES)
