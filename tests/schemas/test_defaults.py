"""Defaults of a conversation: what they may be, and what becomes of a request that has some."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.defaults import Defaults, DefaultsSchema, with_defaults
from schemas.fields.errors import first_problem
from schemas.responses import SCHEMA, load_response

FIELD = Defaults()
EVERYTHING: dict[str, Any] = {
    "model": "m",
    "temperature": 0.5,
    "top_p": 1,
    "max_output_tokens": 5,
    "seed": -1,
    "stop": ["x"],
    "reasoning": {"effort": "low", "summary": None},
    "context": {"max_turns": 3},
    "truncation": "auto",
    "logit_bias": {"5": -1},
    "chat_template_kwargs": {"a": [1]},
}


def test_every_default_is_a_parameter_of_responses_of_the_same_kind() -> None:
    for name, field in DefaultsSchema().load_fields.items():
        assert type(field) is type(SCHEMA.load_fields[name]), name


def test_defaults_are_kept_as_they_were_written_without_nulls() -> None:
    assert FIELD.load({**EVERYTHING, "top_k": None}) == EVERYTHING
    assert list(FIELD.load(EVERYTHING)) == list(EVERYTHING)
    assert FIELD.load({}) == {}


@pytest.mark.parametrize(
    ("defaults", "param", "code"),
    [
        ([], "", "invalid_type"),
        ({"temperature": 2.5}, "temperature", "invalid_value"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "invalid_value"),
        ({"max_output_tokens": 5.5}, "max_output_tokens", "invalid_type"),
        ({"context": {"max_turns": 0}}, "context.max_turns", "invalid_value"),
        ({"max_tokens": 5}, "max_tokens", "unknown_parameter"),
        ({"tools": None}, "tools", "unknown_parameter"),
    ],
)
def test_bad_defaults_are_named(defaults: Any, param: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        FIELD.load(defaults)
    if isinstance(defaults, dict):
        error = first_problem(caught.value.messages_dict)
        assert (error.param, error.code) == (param, code)


def test_what_a_request_does_not_give_is_the_default() -> None:
    body = {"input": "hi", "temperature": 0.1, "instructions": None, "seed": None}
    wanted = load_response(with_defaults(body, "Be brief.", EVERYTHING))
    assert wanted.instructions == "Be brief."
    assert (wanted.sampling.temperature, wanted.sampling.seed, wanted.sampling.top_p) == (0.1, -1, 1.0)
    assert (wanted.model, wanted.max_tokens, wanted.stop) == ("m", 5, ("x",))
    assert (wanted.reasoning_effort, wanted.context.max_turns, wanted.truncation) == ("low", 3, "auto")
    assert wanted.template_kwargs == {"reasoning_effort": "low", "a": [1]}


def test_what_a_request_gives_counts() -> None:
    body = {"input": "hi", "instructions": "", "model": "other", "reasoning": {"summary": "auto", "effort": None}}
    wanted = load_response(with_defaults(body, "Be brief.", EVERYTHING))
    assert (wanted.instructions, wanted.model) == ("", "other")
    assert (wanted.reasoning_effort, wanted.reasoning_summary) == ("low", "auto")


@pytest.mark.parametrize("given", ["repeat_penalty", "repetition_penalty"])
@pytest.mark.parametrize("default", ["repeat_penalty", "repetition_penalty"])
def test_who_gives_one_of_two_names_has_given_the_parameter(given: str, default: str) -> None:
    wanted = load_response(with_defaults({"input": "hi", given: 1.5}, None, {default: 2.0}))
    assert wanted.sampling.repeat_penalty == 1.5
