from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.chat.calls.json_scanner import BadJson, JsonScanner

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def scanned(text: str, cuts: list[int]) -> tuple[str, str]:
    """The value's text, and what is behind it; fails where the value does not end."""
    scanner = JsonScanner()
    seen, rest = "", ""
    places = sorted(min(cut, len(text)) for cut in cuts)
    for start, end in zip([0, *places], [*places, len(text)], strict=True):
        rest += text[start:end]
        while rest and not scanner.is_complete:
            piece, position = scanner.scan(rest, 0)
            seen, rest = seen + piece, rest[position:]
    assert scanner.is_complete
    return seen, rest


@settings(max_examples=50)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]), st.lists(st.integers(0, 200), max_size=5))
def test_a_value_ends_where_json_says(value: object, ascii_only: bool, indent: int | None, cuts: list[int]) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert scanned(f"{text} }}] x", cuts) == (text, " }] x")


@given(st.text(alphabet='{}[]",:\\u0tfnrue1.-+e aé\n', max_size=12))
def test_what_it_takes_for_a_value_is_one(text: str) -> None:
    scanner = JsonScanner()
    try:
        seen, _ = scanner.scan(f"{text} ", 0)
    except BadJson:
        return
    if scanner.is_complete:
        json.loads(seen)


WRONG = ["{,}", "{a", '{"a" 1', '{"a":1 "b"', '{"a":1,}', "[,", "[1,]", "[1 2", "}", "'a'", "tru]", "NaN", "[1.x]"]
WRONG += ["[01]", "-x", "[1e,]", '"\\x"', '"\\u12g4"', "[1}", '{"a"]', "+1", ".5", '{"a":}', "nul "]


def scan_all(text: str) -> None:
    scanner = JsonScanner()
    while not scanner.is_complete:
        text = text[scanner.scan(text, 0)[1] :]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(BadJson):
        scan_all(f"{text} ")


def test_it_stops_in_front_of_what_is_wrong() -> None:
    scanner = JsonScanner()
    assert scanner.scan('{"a": 1, b}', 0) == ('{"a": 1, ', 9)
    with pytest.raises(BadJson):
        scanner.scan("b}", 0)


def test_control_characters_in_strings_are_escaped() -> None:
    assert scanned('{"a\t":"b\n\r\x00\x1f"}', [])[0] == '{"a\\t":"b\\n\\r\\u0000\\u001f"}'


def test_depth_costs_no_recursion() -> None:
    text = "[" * 100_000 + "]" * 100_000
    assert scanned(text, [])[0] == text
