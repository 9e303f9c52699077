from __future__ import annotations

import pytest

from server.auth.user_names import MAX_USER_NAME_LENGTH, InvalidUserName, parse_user_name


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "3f0c7d52-9f66-4c0e-8ad4-2f0c8f6d8c11",
        "ada@example.com",
        "Ada Lovelace",
        "ünïcode",
        "名前",
        "auth0|66f",
        "x" * 255,
    ],
)
def test_ids_and_names_of_all_kinds_are_taken_as_they_are(name: str) -> None:
    assert parse_user_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        " a",
        "a ",
        "a\0b",
        "a\nb",
        "a\tb",
        "a\x7f",
        "a\u200bb",  # a zero-width space
        "a\u202eb",  # right-to-left override
        "a\u00a0b",  # a space that looks like another
        "a\ud800",
        "alice,bob",
        "x" * (MAX_USER_NAME_LENGTH + 1),
    ],
)
def test_what_cannot_be_seen_or_may_be_several_is_refused(name: str) -> None:
    with pytest.raises(InvalidUserName, match="1 to 255 visible characters"):
        parse_user_name(name)
