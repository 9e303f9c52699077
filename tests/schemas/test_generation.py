from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.chat_completions import ChatCompletionRequest, load_chat_completion
from schemas.completions import CompletionRequest, load_completion
from schemas.fields.errors import SchemaError
from schemas.generation import MAX_TOKENS


def both(**fields: Any) -> tuple[ChatCompletionRequest, CompletionRequest]:
    chat = load_chat_completion({"messages": [{"role": "user", "content": "hi"}], **fields})
    return chat, load_completion({"prompt": "hi", **fields})


def refusal(**fields: Any) -> SchemaError:
    """The same fields must be refused alike by both endpoints."""
    with pytest.raises(SchemaError) as by_chat:
        load_chat_completion({"messages": [{"role": "user", "content": "hi"}], **fields})
    with pytest.raises(SchemaError) as by_completions:
        load_completion({"prompt": "hi", **fields})
    assert vars(by_completions.value) == vars(by_chat.value)
    return by_chat.value


def test_the_defaults_are_openais() -> None:
    for wanted in both():
        assert (wanted.model, wanted.user, wanted.stop, wanted.n) == (None, None, (), 1)
        assert (wanted.stream, wanted.include_usage, wanted.ignore_eos) == (False, False, False)


def test_the_common_fields_arrive() -> None:
    given = {"model": "m", "user": "u", "n": 3, "stream": True, "ignore_eos": True, "max_tokens": 7}
    for wanted in both(**given, stop=["a", "b"], stream_options={"include_usage": True}):
        assert {name: getattr(wanted, name) for name in given} == given
        assert wanted.stop == ("a", "b")
        assert wanted.include_usage is True


def test_null_means_not_given() -> None:
    names = ("model", "user", "stop", "n", "stream", "stream_options", "ignore_eos", "max_tokens", "safety_identifier")
    assert both(**dict.fromkeys(names)) == both()


def test_extra_fields_are_tolerated() -> None:
    assert both(unknown={"a": [1]}, another=None) == both()


def test_safety_identifier_is_the_user_unless_there_is_one() -> None:
    assert both(safety_identifier="s")[0].user == "s"
    assert both(safety_identifier="s", user="u")[0].user == "u"


def test_one_stop_string_is_a_list_of_one() -> None:
    assert both(stop="a")[0].stop == ("a",)
    assert both(stop=[])[0].stop == ()


def test_more_stop_strings_than_openai_accepts_are_fine() -> None:
    assert len(both(stop=[str(index) for index in range(64)])[0].stop) == 64


@pytest.mark.parametrize(
    ("stop", "param"),
    [
        (5, "stop"),
        ({}, "stop"),
        ("", "stop"),
        ("s" * 1025, "stop"),
        (["a", ""], "stop[1]"),
        (["a", "b", 5], "stop[2]"),
        ([None], "stop[0]"),
        (["s" * 1025], "stop[0]"),
        (["a"] * 65, "stop"),
    ],
)
def test_a_bad_stop_string_is_named_with_its_place(stop: object, param: str) -> None:
    assert refusal(stop=stop).param == param


@pytest.mark.parametrize("value", [0, -1, 2**31, "1", 1.0, True])
def test_a_number_of_choices_is_whole_and_positive(value: object) -> None:
    assert refusal(n=value).param == "n"


@pytest.mark.parametrize("value", [0, -2, 2**31, "1", 1.0, True])
@pytest.mark.parametrize(
    ("load", "base"),
    [
        (load_chat_completion, {"messages": [{"role": "user", "content": "hi"}]}),
        (load_completion, {"prompt": "hi"}),  # 0 is for scoring: with `echo` only
    ],
    ids=["chat", "completions"],
)
def test_a_number_of_tokens_is_whole_and_positive(
    load: Callable[..., object], base: dict[str, Any], value: object
) -> None:
    with pytest.raises(SchemaError) as refused:
        load({**base, "max_tokens": value})
    assert refused.value.param == "max_tokens"


def test_minus_one_token_is_no_limit() -> None:
    assert [wanted.max_tokens for wanted in both(max_tokens=-1)] == [MAX_TOKENS, MAX_TOKENS]
    chat, _ = both(max_completion_tokens=-1)
    assert chat.max_tokens == MAX_TOKENS


@pytest.mark.parametrize("name", ["stream", "ignore_eos"])
@pytest.mark.parametrize("value", ["true", "", 0, 1, [], {}])
def test_switches_are_true_or_false_and_nothing_else(name: str, value: object) -> None:
    error = refusal(**{name: value})
    assert (error.param, error.code) == (name, "invalid_type")
    assert "must be true or false" in error.message


@pytest.mark.parametrize("name", ["model", "user", "safety_identifier"])
@pytest.mark.parametrize("value", [5, True, [], {}, "x" * 513])
def test_names_are_strings_of_bounded_length(name: str, value: object) -> None:
    assert refusal(**{name: value}).param == name


@pytest.mark.parametrize("fields", [{}, {"stream": False}, {"stream": None}])
def test_stream_options_need_a_stream(fields: dict[str, Any]) -> None:
    error = refusal(stream_options={"include_usage": True}, **fields)
    assert error.message == "'stream_options' is only allowed when 'stream' is true."
    assert error.param == "stream_options"


def test_stream_options_may_say_nothing_or_more() -> None:
    for chosen in ({}, {"include_usage": None}, {"include_obfuscation": False}):
        assert both(stream=True, stream_options=chosen)[0].include_usage is False


def test_a_bad_stream_option_is_named_with_its_path() -> None:
    assert refusal(stream=True, stream_options={"include_usage": "yes"}).param == "stream_options.include_usage"
    assert refusal(stream=True, stream_options=[]).param == "stream_options"
