"""The bodies and queries of /v1/responses."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.fields.errors import SchemaError
from schemas.items import message
from schemas.response_tools import Choosing, shown_tool
from schemas.responses import ContextOptions, Retrieval, TextOptions, load_response, load_retrieval
from schemas.tools import ToolChoice


def test_a_text_is_a_message_of_the_user() -> None:
    assert load_response({"input": " hi "}).input == (message("user", " hi "),)


def test_what_is_left_out_has_openais_defaults() -> None:
    wanted = load_response({"input": "hi"})
    assert (wanted.store, wanted.stream, wanted.background, wanted.truncation) == (True, False, False, None)
    assert wanted.context == ContextOptions()
    assert (wanted.parallel_tool_calls, wanted.max_tokens, wanted.n) == (True, None, 1)
    assert (wanted.tools, wanted.functions, wanted.choosing) == ((), (), Choosing())
    assert wanted.text.format is None


def test_a_conversation_is_an_id_alone_or_in_an_object() -> None:
    for conversation in ("conv_1", {"id": "conv_1"}):
        assert load_response({"conversation": conversation}).conversation_id == "conv_1"


def test_logprobs_are_wanted_by_include() -> None:
    assert load_response({"input": "hi", "top_logprobs": 3}).num_top_logprobs is None
    include = ["message.output_text.logprobs"]
    assert load_response({"input": "hi", "include": include}).num_top_logprobs == 0
    assert load_response({"input": "hi", "include": include, "top_logprobs": 3}).num_top_logprobs == 3


def test_the_effort_is_for_the_template() -> None:
    for reasoning, summary in (
        ({}, None),
        ({"summary": None}, None),
        ({"summary": "auto"}, "auto"),
        ({"generate_summary": "concise"}, "concise"),
        ({"generate_summary": "concise", "summary": "detailed"}, "detailed"),
    ):
        assert load_response({"input": "hi", "reasoning": reasoning}).reasoning_summary == summary
    wanted = load_response({"input": "hi", "reasoning": {"effort": "low"}, "chat_template_kwargs": {"a": 1}})
    assert (wanted.reasoning_effort, wanted.template_kwargs) == ("low", {"reasoning_effort": "low", "a": 1})


F: dict[str, Any] = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
G: dict[str, Any] = {"type": "function", "name": "g", "description": "G.", "strict": True}


def chosen(choice: object) -> tuple[tuple[str, ...], ToolChoice]:
    wanted = load_response({"input": "hi", "tools": [F, {"type": "web_search"}, G], "tool_choice": choice})
    return tuple(function.name for function in wanted.functions), wanted.choosing.meant


def test_functions_may_be_called() -> None:
    wanted = load_response({"input": "hi", "tools": [F, {"type": "custom", "name": "f"}, G]})
    assert [shown_tool(tool) for tool in wanted.tools] == [
        {**F, "description": None, "strict": False},
        {**G, "parameters": {"type": "object", "properties": {}}},
    ]
    assert wanted.functions == wanted.tools


def test_a_choice_says_which_and_whether() -> None:
    assert chosen("auto") == (("f", "g"), ToolChoice())
    assert chosen("none") == ((), ToolChoice("none"))
    assert chosen("required") == (("f", "g"), ToolChoice("required"))
    assert chosen({"type": "function", "name": "g"}) == (("g",), ToolChoice("required", ("g",), is_single=True))
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}]}
    assert chosen(allowed) == (("f",), ToolChoice("auto", ("f",)))
    assert load_response({"input": "hi", "tools": [F], "tool_choice": allowed}).choosing.written == allowed


def test_the_text_may_have_a_format() -> None:
    written = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    text = load_response({"input": "hi", "text": {"format": written, "verbosity": "low"}}).text
    assert text.written == written
    assert text.format is not None
    assert (text.format.kind, text.format.value, text.format.param) == (
        "json_schema",
        {"type": "object"},
        "text.format.schema",
    )
    assert load_response({"input": "hi", "text": {"format": {"type": "text"}}}).text.format is None
    assert load_response({"input": "hi", "text": {}}).text == TextOptions()


def test_the_extras_say_what_the_text_has_to_be_too() -> None:
    for extra, kind in (({"guided_regex": "a+"}, "regex"), ({"structured_outputs": {"choice": ["a"]}}, "choice")):
        wanted = load_response({"input": "hi", "text": {"format": {"type": "text"}}, **extra})
        assert wanted.output_format is not None
        assert (wanted.output_format.kind, wanted.text) == (kind, TextOptions())
    assert load_response({"input": "hi", "grammar": ""}).output_format is None
    text = {"format": {"type": "json_object"}}
    wanted = load_response({"input": "hi", "text": text})
    assert wanted.output_format == wanted.text.format is not None


def test_the_context_may_be_bounded() -> None:
    wanted = load_response({"input": "hi", "context": {"max_turns": 3, "max_tokens": None, "other": 1}})
    assert wanted.context == ContextOptions(max_turns=3)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": "hi", "context": 5}, "context"),
        ({"input": "hi", "context": {"max_turns": 0}}, "context.max_turns"),
        ({"input": "hi", "context": {"max_tokens": 1.5}}, "context.max_tokens"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:"}]}]},
            "input[0].content[0]",
        ),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_sound"}]}]},
            "input[0].output[0].type",
        ),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": "hi", "tools": [{"name": "f"}]}, "tools[0].type"),
        ({"input": "hi", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "hi", "tools": [F, {**F}]}, "tools[1].name"),
        ({"input": "hi", "tools": [{**F, "parameters": {"type": "string"}}]}, "tools[0].parameters"),
        ({"input": "hi", "tools": 5}, "tools"),
        ({"input": "hi", "tool_choice": {"type": "function", "name": "f"}}, "tool_choice.name"),
        ({"input": "hi", "tool_choice": "required"}, "tool_choice"),
        ({"input": "hi", "tool_choice": "sometimes"}, "tool_choice"),
        ({"input": "hi", "tools": [F], "tool_choice": {"type": "web_search_preview"}}, "tool_choice.type"),
        (
            {
                "input": "hi",
                "tools": [F],
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "mcp"}, {"type": "function", "name": "g"}],
                },
            },
            "tool_choice.tools",
        ),
        ({"input": "hi", "text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"input": "hi", "text": {"format": {"type": "json_schema", "name": 5, "schema": {}}}}, "text.format.name"),
        ({"input": "hi", "text": {"format": {"type": "json_schema", "name": "n", "shema": {}}}}, "text.format.schema"),
        ({"input": "hi", "text": {"format": {"type": "yaml"}}}, "text.format.type"),
        ({"input": "hi", "text": 5}, "text"),
        ({"input": "hi", "text": {"format": {"type": "json_object"}}, "guided_regex": "a"}, "guided_regex"),
        ({"input": "hi", "guided_choice": []}, "guided_choice"),
        ({"input": "hi", "grammar": 'start: "a"', "json_schema": {}}, "json_schema"),
        ({"input": "hi", "conversation": {"id": 5}}, "conversation.id"),
        ({"input": "hi", "conversation": "c"}, "conversation"),
        ({"input": "hi", "background": True, "store": False}, "background"),
        ({"input": "hi", "prompt": {"id": "p"}}, "prompt.id"),
        ({"input": "hi", "prompt": "pmpt_1"}, "prompt"),
        ({"input": "hi", "prompt": {"id": "pmpt_1", "version": 1}}, "prompt.version"),
        ({"input": "hi", "prompt": {"id": "pmpt_1", "variables": {"a": 5}}}, "prompt.variables.a"),
        ({"input": "hi", "prompt": {"id": "pmpt_1"}, "instructions": ""}, "instructions"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(SchemaError) as caught:
        load_response(body)
    assert caught.value.param == param


def test_what_a_tool_gave_may_be_more_than_text() -> None:
    output = [{"type": "input_image", "image_url": "data:", "detail": "auto"}]
    item = {"type": "function_call_output", "call_id": "c", "output": output}
    (loaded,) = load_response({"input": [item]}).input
    assert loaded["output"] == output


def test_a_query_says_how_a_response_is_wanted() -> None:
    assert load_retrieval({}) == Retrieval()
    assert load_retrieval({"stream": ["true"], "starting_after": ["7"]}) == Retrieval(True, 7)
    for query in ({"stream": ["yes"]}, {"starting_after": ["-1"]}, {"include[]": ["all"]}):
        with pytest.raises(SchemaError):
            load_retrieval(query)


@pytest.mark.parametrize("param", ["text.verbosity", "reasoning.context", "reasoning.mode"])
def test_what_is_tolerated_inside_an_object_is_a_string(param: str) -> None:
    outer, _, inner = param.partition(".")
    assert load_response({"input": "hi", outer: {inner: "x"}}) == load_response({"input": "hi", outer: {}})
    with pytest.raises(SchemaError) as caught:
        load_response({"input": "hi", outer: {inner: 5}})
    assert (caught.value.param, caught.value.code) == (param, "invalid_type")
