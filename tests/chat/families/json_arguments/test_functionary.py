from __future__ import annotations

import json
from collections.abc import Sequence

from server.chat.families.json_arguments.functionary import Functionary31, Functionary32
from server.engine.stop_strings import StopStrings
from tests.chat.tool_families import PARIS, SUM, TOOLS, Arguments, Follower, check_format, check_grammar, taken_apart

PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def tagged(calls: Sequence[tuple[str, Arguments]]) -> str:
    return "".join(f"<function={name}>{dumped(arguments)}</function>" for name, arguments in calls)


def addressed(calls: Sequence[tuple[str, Arguments]]) -> str:
    """As the model goes on behind the template's `>>>`."""
    return ">>>".join(f"{name}\n{dumped(arguments)}" for name, arguments in calls)


def dumped(arguments: Arguments) -> str:
    return json.dumps(arguments, ensure_ascii=False)


def test_functions_between_tags_are_taken_apart() -> None:
    check_format(Functionary31(), tagged)


def test_the_grammar_of_tags_takes_calls_and_nothing_else() -> None:
    check_grammar(Functionary31(), tagged)


def test_addressed_functions_are_taken_apart() -> None:
    check_format(Functionary32(), addressed, is_bare=True)


def test_the_grammar_of_addresses_takes_calls_and_nothing_else() -> None:
    check_grammar(Functionary32(), addressed)


def test_what_is_for_the_user_comes_without_its_address() -> None:
    assert taken_apart(Functionary32(), "all\nIt is 7 °C.") == [("content", "It is 7 °C.")]
    assert taken_apart(Functionary32(), "all\nHi", tools=()) == [("content", "Hi")]
    answer = f"all\nI'll look.\n>>>{addressed([PARIS, SUM])}>>>all\nDone."
    assert [part[:2] for part in taken_apart(Functionary32(), answer)] == [
        ("content", "I'll look."),
        ("call", "get_weather"),
        ("call", "add"),
        ("content", "Done."),
    ]


def test_an_address_of_nobody_is_text() -> None:
    text = ">>> print(1)\n>>>rm\n{}"
    assert taken_apart(Functionary32(), f"all\n{text}") == [("content", text)]
    assert taken_apart(Functionary32(), "get_weather for Paris") == [("content", "get_weather for Paris")]


def test_a_model_that_writes_the_template_s_address_again_is_understood() -> None:
    assert taken_apart(Functionary32(), f">>>{addressed([PARIS])}") == [PARIS_CALL]


def test_an_answer_is_addressed_to_the_user() -> None:
    family = Functionary32()
    assert "all\\n" in family.before_answer(json.dumps)
    assert not Follower(family, TOOLS).accepts("all\n")


def test_stop_strings_do_not_count_in_the_address() -> None:
    for stop, is_stopped in (("\n", False), ("all", False), ("7", True)):
        assert StopStrings([stop], Functionary32.thoughts).look("all\nIt is 7 °C.").is_stopped == is_stopped, stop
