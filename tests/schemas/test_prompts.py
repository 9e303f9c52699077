"""Saved prompts: what they may be, their variables, and filling them in."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.fields.errors import SchemaError
from schemas.pages import PageQuery
from schemas.prompts import (
    MAX_VARIABLES,
    NewPrompt,
    PromptChange,
    PromptUse,
    filled_in,
    load_new_prompt,
    load_prompt_change,
    load_version,
    load_versions_query,
    variables_of,
)
from schemas.responses import load_response


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hello {{name}}, {{ topic }} and {{name}}", ["name", "topic"]),
        ("{{größe_2}}", ["größe_2"]),
        ("{name} {{}} {{ a b }} {{2}} {{a-b}} { {a} }", []),
        ("{{{a}}}", ["a"]),
        ("", []),
    ],
)
def test_a_variable_is_a_name_in_double_braces(text: str, names: list[str]) -> None:
    assert variables_of(text) == names


def test_a_text_is_filled_in_once() -> None:
    assert filled_in("{{a}}-{{ b }}-{{a}}", {"a": "{{b}}", "b": "\\1"}) == "{{b}}-\\1-{{b}}"
    assert filled_in("nothing {here}", {}) == "nothing {here}"


@pytest.mark.parametrize(
    ("values", "param", "code"),
    [
        ({}, "prompt.variables.a", "missing_required_parameter"),
        ({"a": "1", "b": "2"}, "prompt.variables.b", "unknown_parameter"),
    ],
)
def test_variables_and_values_belong_together(values: dict[str, str], param: str, code: str) -> None:
    with pytest.raises(SchemaError) as caught:
        filled_in("{{a}}", values)
    assert (caught.value.param, caught.value.code) == (param, code)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": "a"}, "text"),
        ({"name": "", "text": "x"}, "name"),
        ({"name": " a", "text": "x"}, "name"),
        ({"name": "a" * 65, "text": "x"}, "name"),
        ({"name": 5, "text": "x"}, "name"),
        ({"name": "a", "text": ""}, "text"),
        ({"name": "a", "text": ["x"]}, "text"),
        ({"name": "a", "text": "".join(f"{{{{v{n}}}}}" for n in range(MAX_VARIABLES + 1))}, "text"),
    ],
)
def test_a_bad_prompt_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(SchemaError) as caught:
        load_new_prompt(body)
    assert caught.value.param == param


def test_prompts_are_loaded() -> None:
    assert load_new_prompt({"name": "a b", "text": " x ", "y": 1}) == NewPrompt("a b", " x ")
    assert load_prompt_change({"name": "a", "text": None}) == PromptChange("a")
    with pytest.raises(SchemaError) as caught:
        load_prompt_change({"name": None})
    assert caught.value.param == "text"


def test_a_response_may_use_one() -> None:
    prompt: dict[str, Any] = {"id": "pmpt_1", "version": "12", "variables": {"a": "1", "b": None}}
    prompt["variables"]["b"] = {"type": "input_text", "text": "2"}
    assert load_response({"input": "x", "prompt": prompt}).prompt == PromptUse("pmpt_1", 12, {"a": "1", "b": "2"})
    assert load_response({"input": "x", "prompt": {"id": "pmpt_1", "variables": None}}).prompt == PromptUse("pmpt_1")
    assert load_response({"input": "x", "prompt": None}).prompt is None


@pytest.mark.parametrize(
    ("prompt", "param"),
    [
        ({}, "prompt.id"),
        ({"id": "conv_1"}, "prompt.id"),
        ({"id": "pmpt_1", "version": "0"}, "prompt.version"),
        ({"id": "pmpt_1", "version": "x"}, "prompt.version"),
        ({"id": "pmpt_1", "version": "9999999999"}, "prompt.version"),
        ({"id": "pmpt_1", "variables": []}, "prompt.variables"),
        ({"id": "pmpt_1", "variables": {"a": None}}, "prompt.variables.a"),
        ({"id": "pmpt_1", "variables": {"a": {"type": "input_image", "image_url": "x"}}}, "prompt.variables.a"),
        ({"id": "pmpt_1", "variables": {"a": {"type": "input_text"}}}, "prompt.variables.a.text"),
    ],
)
def test_a_bad_use_is_named(prompt: Any, param: str) -> None:
    with pytest.raises(SchemaError) as caught:
        load_response({"input": "x", "prompt": prompt})
    assert caught.value.param == param


def test_queries_ask_for_versions() -> None:
    assert load_version({}) is None
    assert load_version({"version": ["3"]}) == 3
    assert load_versions_query({"after": ["2"], "limit": ["5"]}) == (PageQuery(limit=5), 2)
    for load, name in ((load_version, "version"), (load_versions_query, "after")):
        with pytest.raises(SchemaError) as caught:
            load({name: ["0"]})
        assert caught.value.param == name
