"""The bodies of /tokenize and /detokenize."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from schemas.fields.errors import SchemaError
from schemas.tokens import (
    MAX_CHARACTERS,
    MAX_TOKEN_IDS,
    DetokenizeRequest,
    TokenizeRequest,
    load_detokenize,
    load_tokenize,
)


def test_defaults_are_llama_servers() -> None:
    assert load_tokenize({"content": "a"}) == TokenizeRequest("a", None, False, True, False)
    assert load_detokenize({"tokens": [1, 2]}) == DetokenizeRequest([1, 2], None)


def test_nothing_is_something_to_ask_about() -> None:
    assert load_tokenize({"content": ""}).content == ""
    assert load_detokenize({"tokens": []}).tokens == []


@pytest.mark.parametrize(
    ("load", "body", "param"),
    [
        (load_tokenize, {}, "content"),
        (load_tokenize, {"content": ["a"]}, "content"),
        (load_tokenize, {"content": "a" * (MAX_CHARACTERS + 1)}, "content"),
        (load_tokenize, {"content": "a", "add_special": 1}, "add_special"),
        (load_tokenize, {"content": "a", "parse_special": "yes"}, "parse_special"),
        (load_tokenize, {"content": "a", "with_pieces": 0}, "with_pieces"),
        (load_tokenize, {"content": "a", "model": 5}, "model"),
        (load_detokenize, {}, "tokens"),
        (load_detokenize, {"tokens": "1"}, "tokens"),
        (load_detokenize, {"tokens": [1, "a"]}, "tokens[1]"),
        (load_detokenize, {"tokens": [True]}, "tokens[0]"),
        (load_detokenize, {"tokens": [-1]}, "tokens"),
        (load_detokenize, {"tokens": [10**30]}, "tokens"),
        (load_detokenize, {"tokens": [0] * (MAX_TOKEN_IDS + 1)}, "tokens"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:40]),
)
def test_bad_input_is_refused_by_name(
    load: Callable[[Mapping[str, Any]], object], body: Mapping[str, Any], param: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        load(body)
    assert caught.value.param == param
