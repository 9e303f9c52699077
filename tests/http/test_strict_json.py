from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors.tree import InvalidRequest
from server.http.strict_json import MAX_BRACKETS, MAX_DEPTH, MAX_EXPLAINED_COMMAS, decode_object


def refusal(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decode_object(body)
    return caught.value


def test_an_object_is_decoded() -> None:
    assert decode_object(b' {"a": [1, 2.5, "\xc3\xa9", "\\ud83d\\ude00", null, true]}\n') == {
        "a": [1, 2.5, "é", "\N{GRINNING FACE}", None, True]
    }


def test_the_last_of_equal_keys_counts() -> None:
    assert decode_object(b'{"a":1,"a":2}') == {"a": 2}


@pytest.mark.parametrize("body", [b"", b"  \r\n\t "])
def test_an_empty_body_is_called_empty(body: bytes) -> None:
    assert "is empty" in str(refusal(body))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        *((b"[]", "an array"), (b'"a"', "a string"), (b"1.5", "a number"), (b"true", "a boolean"), (b"null", "null")),
        *((b"1e999", "a number"), (b"NaN", "a number"), (b"-Infinity", "a number"), (b"9" * 5000, "a number")),
        *((b'"\\ud800"', "a string"), (b"[NaN]", "an array"), (b'["\\ud800"]', "an array")),
    ],
)
def test_a_body_that_is_no_object_is_called_what_it_is(body: bytes, kind: str) -> None:
    assert str(refusal(body)) == f"The request body must be a JSON object, not {kind}."


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000])
def test_a_number_that_is_not_finite_is_named(number: str) -> None:
    error = refusal(f'{{"a": 1, "b": [{{"c": {number}}}]}}'.encode())
    assert error.param == "b[0].c"
    assert "too large or not finite" in str(error)


@pytest.mark.parametrize("text", [r"\ud800", r"a\udfff", r"\ud83d\ud83d", r"\ude00\ud83d", r"\ud83dx", r"\uD83D\n"])
def test_half_a_surrogate_pair_is_named(text: str) -> None:
    error = refusal(f'{{"messages": [{{"content": "fine"}}, {{"content": "{text}"}}]}}'.encode())
    assert error.param == "messages[1].content"
    assert "surrogate" in str(error)


def test_half_a_surrogate_pair_in_a_long_text_is_named() -> None:
    assert refusal(b'{"a": "' + b"x" * 2_000_000 + b'\\ud800"}').param == "a"


def test_nul_is_named() -> None:
    error = refusal(rb'{"a": {"b": ["x", "y\u0000"]}}')
    assert error.param == "a.b[1]"
    assert "NUL" in str(error)


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert decode_object(rb'{"a": "\\u0000"}') == {"a": "\\u0000"}


@pytest.mark.parametrize(("key", "param"), [(r"\u0000", r"a.\u0000"), (r"\ud800", r"a.\ud800")])
def test_a_bad_key_is_named_in_printable_characters(key: str, param: str) -> None:
    assert refusal(f'{{"a": {{"{key}": 1}}}}'.encode()).param == param


def test_invalid_utf8_is_shown_with_its_offset() -> None:
    assert str(refusal(b'{"a": "\xff"}')) == "The request body is not valid UTF-8: byte 0xff at offset 7."


@pytest.mark.parametrize(
    ("body", "where"),
    [(b'{"a": 1,\n "b" 2}', "line 2, column 6."), (b'{"a": [1, 2', "line 1, column 12, where the body ends.")],
)
def test_a_syntax_error_is_shown_with_its_place(body: bytes, where: str) -> None:
    assert str(refusal(body)).endswith(where)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
def test_deep_nesting_is_refused_whether_closed_or_not(opening: bytes, depth: int) -> None:
    closing = b"]" if opening == b"[" else b"}"
    assert refusal(opening * depth).status == 400
    closed = b'{"a":' + opening * (depth - 1) + b"1" + closing * (depth - 1) + b"}"
    assert f"at most {MAX_DEPTH} levels" in str(refusal(closed))


def test_nesting_up_to_the_limit_is_accepted() -> None:
    depth = MAX_DEPTH - 1
    assert decode_object(b'{"wide": [' + b"{}," * 100 + b'{}], "deep":' + b"[" * depth + b"]" * depth + b"}")


def test_more_containers_than_memory_should_hold_are_refused_unread() -> None:
    assert f"at most {MAX_BRACKETS}" in str(refusal(b'{"a":[' + b"[]," * MAX_BRACKETS + b"1]}"))


def test_a_huge_body_is_refused_without_a_search_for_the_place() -> None:
    error = refusal(b'{"a":[' + b"1," * MAX_EXPLAINED_COMMAS + b"1,NaN]}")
    assert error.param is None
    assert "too large to find the place" in str(error)


LEAVES = st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
DOCUMENTS = st.recursive(LEAVES | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)


@given(st.dictionaries(TEXTS, DOCUMENTS), st.booleans())
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_sound_comes_out_as_it_went_in(document: dict[str, Any], ensure_ascii: bool) -> None:
    assert decode_object(json.dumps(document, ensure_ascii=ensure_ascii).encode()) == document


@given(st.binary() | st.text().map(lambda text: json.dumps({text: text}).encode()))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_arrives_is_decoded_or_refused(body: bytes) -> None:
    try:
        decoded = decode_object(body)
    except InvalidRequest as error:
        str(error).encode()
    else:
        json.dumps(decoded, ensure_ascii=False).encode()
