"""Functions, and which of them may be called; the refusals are tested over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.chat_completions import ChatCompletionRequest, load_chat_completion
from schemas.fields.errors import SchemaError
from schemas.tools import AUTO, MAX_TOOLS, NO_PARAMETERS, FunctionTool, ToolChoice

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def load(**fields: Any) -> ChatCompletionRequest:
    return load_chat_completion({"messages": [{"role": "user", "content": "hi"}], **fields})


def tool(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def test_functions_are_loaded_with_their_schemas() -> None:
    wanted = load(
        tools=[tool("f", description="F.", parameters=SCHEMA, strict=True), tool("g"), tool("h", parameters={})]
    )
    assert wanted.functions == (FunctionTool("f", "F.", SCHEMA, True), FunctionTool("g"), FunctionTool("h"))
    assert wanted.functions[2].parameters == NO_PARAMETERS
    assert wanted.tool_choice == AUTO
    assert wanted.parallel_tool_calls


@pytest.mark.parametrize(
    ("choice", "expected", "names"),
    [
        ("none", ToolChoice("none"), []),
        ("auto", AUTO, ["f", "g"]),
        ("required", ToolChoice("required"), ["f", "g"]),
        (named("g"), ToolChoice("required", ("g",), is_single=True), ["g"]),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("f")]}},
            ToolChoice("auto", ("f",)),
            ["f"],
        ),
    ],
)
def test_a_choice_says_what_may_be_called(choice: Any, expected: ToolChoice, names: list[str]) -> None:
    wanted = load(tools=[tool("f"), tool("g")], tool_choice=choice)
    assert wanted.tool_choice == expected
    assert [function.name for function in wanted.functions] == names


def test_the_deprecated_words_mean_the_same() -> None:
    wanted = load(functions=[{"name": "f", "parameters": SCHEMA}], function_call={"name": "f"})
    assert wanted.functions == (FunctionTool("f", parameters=SCHEMA),)
    assert wanted.tool_choice == ToolChoice("required", ("f",), is_single=True)
    assert wanted.speaks_of_functions
    assert load(functions=[{"name": "f"}]).tool_choice == ToolChoice(is_single=True)
    assert load(functions=[{"name": "f"}], function_call="none").functions == ()


def test_no_tools_may_be_spoken_of() -> None:
    spoken: list[dict[str, Any]] = [{"tools": []}, {"tool_choice": "auto"}, {"function_call": "none"}]
    for fields in spoken:
        assert load(**fields).functions == ()


def test_tools_are_bounded() -> None:
    with pytest.raises(SchemaError) as caught:
        load(tools=[tool(f"f{i}") for i in range(MAX_TOOLS + 1)])
    assert caught.value.param == "tools"
