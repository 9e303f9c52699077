from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest
from openai.types.shared import ReasoningEffort

from schemas.chat_completions import ChatCompletionRequest, load_chat_completion
from schemas.fields.errors import SchemaError
from schemas.generation import REASONING_EFFORTS

BASE: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


def load(**fields: Any) -> ChatCompletionRequest:
    return load_chat_completion({**BASE, **fields})


def refusal(**fields: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        load(**fields)
    return caught.value


def test_the_smallest_request_has_only_messages() -> None:
    assert load() == ChatCompletionRequest(messages=({"role": "user", "content": ({"type": "text", "text": "hi"},)},))


def test_messages_are_required() -> None:
    with pytest.raises(SchemaError) as caught:
        load_chat_completion({})
    assert caught.value.message == "'messages' is required, but was not given."
    assert (caught.value.param, caught.value.code) == ("messages", "missing_required_parameter")


def test_the_body_is_left_as_it_was() -> None:
    body = {**BASE, "temperature": None, "chat_template_kwargs": {"a": 1}, "reasoning_effort": "low", "top_k": -1}
    before = repr(body)
    load_chat_completion(body)
    assert repr(body) == before


def test_the_request_is_a_value() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().n = 2  # type: ignore[misc]


def test_max_completion_tokens_wins() -> None:
    assert load().max_tokens is None
    assert load(max_tokens=5).max_tokens == 5
    assert load(max_completion_tokens=6).max_tokens == 6
    assert load(max_tokens=5, max_completion_tokens=6).max_tokens == 6
    assert load(max_tokens=5, max_completion_tokens=None).max_tokens == 5
    assert refusal(max_tokens=0, max_completion_tokens=6).param == "max_tokens"
    assert refusal(max_completion_tokens=0).param == "max_completion_tokens"


@pytest.mark.parametrize(
    ("fields", "num_top_logprobs"),
    [
        ({}, None),
        ({"logprobs": False}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 0}, 0),
        ({"logprobs": True, "top_logprobs": 20}, 20),
    ],
)
def test_logprobs_are_counted_as_the_engine_counts(fields: dict[str, Any], num_top_logprobs: int | None) -> None:
    assert load(**fields).num_top_logprobs == num_top_logprobs


@pytest.mark.parametrize("fields", [{}, {"logprobs": False}, {"logprobs": None}])
def test_top_logprobs_need_logprobs(fields: dict[str, Any]) -> None:
    error = refusal(top_logprobs=2, **fields)
    assert error.param == "top_logprobs"
    assert "'logprobs' is true" in error.message


@pytest.mark.parametrize("value", [-1, 21, "2", True, 2.0])
def test_top_logprobs_are_twenty_at_most(value: object) -> None:
    assert refusal(logprobs=True, top_logprobs=value).param == "top_logprobs"


def test_logprobs_is_a_switch_here() -> None:
    assert refusal(logprobs=5).message == "'logprobs' must be true or false, got 5."


def test_the_template_gets_what_the_client_named() -> None:
    assert load().template_kwargs == {}
    assert load(reasoning_effort="low").template_kwargs == {"reasoning_effort": "low"}
    kwargs = {"enable_thinking": False, "deep": {"a": [None]}}
    assert load(reasoning_effort="low", chat_template_kwargs=kwargs).template_kwargs == {
        "reasoning_effort": "low",
        **kwargs,
    }
    assert load(reasoning_effort="low", chat_template_kwargs={"reasoning_effort": "x"}).template_kwargs == {
        "reasoning_effort": "x"
    }


@pytest.mark.parametrize("value", [[], "{}", 5, True])
def test_template_kwargs_are_an_object(value: object) -> None:
    assert refusal(chat_template_kwargs=value).param == "chat_template_kwargs"


def test_the_reasoning_efforts_are_openais() -> None:
    (literal, _none) = get_args(ReasoningEffort)
    assert get_args(literal) == REASONING_EFFORTS
    assert refusal(reasoning_effort="utmost").param == "reasoning_effort"


SAID = {"role": "assistant", "content": "The answer"}


def test_the_last_message_of_the_assistant_can_be_continued() -> None:
    messages = [{"role": "user", "content": "hi"}, SAID]
    assert not load(messages=messages).continues_last
    for fields in ({}, {"add_generation_prompt": False}, {"add_generation_prompt": None, "tool_choice": "auto"}):
        assert load(messages=messages, continue_final_message=True, **fields).continues_last
    assert refusal(messages=messages, continue_final_message=1).param == "continue_final_message"
    assert not load(add_generation_prompt=False).add_generation_prompt


CALLED = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
FUNCTION = {"name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": [CALLED]},
        {"messages": [SAID], "add_generation_prompt": True},
        {"messages": [SAID], "tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "required"},
        {"messages": [SAID], "functions": [FUNCTION], "function_call": {"name": "f"}},
    ],
)
def test_nothing_else_can_be_continued(fields: dict[str, Any]) -> None:
    assert refusal(**fields, continue_final_message=True).param == "continue_final_message"


def test_the_first_of_several_problems_is_told() -> None:
    assert refusal(temperature=5, n=0, stop=5).param == "temperature"
