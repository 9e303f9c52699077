"""The bodies and queries of /v1/responses."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import SchemaError
from schemas.items import message
from schemas.responses import ContextOptions, Retrieval, load_response, load_retrieval


def test_a_text_is_a_message_of_the_user() -> None:
    assert load_response({"input": " hi "}).input == (message("user", " hi "),)


def test_what_is_left_out_has_openais_defaults() -> None:
    wanted = load_response({"input": "hi"})
    assert (wanted.store, wanted.stream, wanted.background, wanted.truncation) == (True, False, False, None)
    assert wanted.context == ContextOptions()
    assert (wanted.tool_choice, wanted.parallel_tool_calls, wanted.max_tokens, wanted.n) == ("auto", True, None, 1)


def test_a_conversation_is_an_id_alone_or_in_an_object() -> None:
    for conversation in ("conv_1", {"id": "conv_1"}):
        assert load_response({"conversation": conversation}).conversation_id == "conv_1"


def test_logprobs_are_wanted_by_include() -> None:
    assert load_response({"input": "hi", "top_logprobs": 3}).num_top_logprobs is None
    include = ["message.output_text.logprobs"]
    assert load_response({"input": "hi", "include": include}).num_top_logprobs == 0
    assert load_response({"input": "hi", "include": include, "top_logprobs": 3}).num_top_logprobs == 3


def test_the_effort_is_for_the_template() -> None:
    wanted = load_response({"input": "hi", "reasoning": {"effort": "low"}, "chat_template_kwargs": {"a": 1}})
    assert (wanted.reasoning_effort, wanted.template_kwargs) == ("low", {"reasoning_effort": "low", "a": 1})


def test_functions_may_be_named_if_they_must_not_be_called() -> None:
    tools = [{"type": "function", "name": "f"}, {"type": "web_search"}]
    assert load_response({"input": "hi", "tools": tools, "tool_choice": "none"}).tool_choice == "none"
    assert load_response({"input": "hi", "tools": tools[1:]}).tool_choice == "auto"


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
            {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file"}]}]},
            "input[0].output[0]",
        ),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": "hi", "tools": [{"name": "f"}]}, "tools"),
        ({"input": "hi", "tools": 5}, "tools"),
        ({"input": "hi", "tool_choice": {"type": "function", "name": "f"}}, "tool_choice"),
        ({"input": "hi", "text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"input": "hi", "conversation": {"id": 5}}, "conversation.id"),
        ({"input": "hi", "conversation": "c"}, "conversation"),
        ({"input": "hi", "background": True, "store": False}, "background"),
        ({"input": "hi", "prompt": {"id": "p"}}, "prompt"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(SchemaError) as caught:
        load_response(body)
    assert caught.value.param == param


def test_a_query_says_how_a_response_is_wanted() -> None:
    assert load_retrieval({}) == Retrieval()
    assert load_retrieval({"stream": ["true"], "starting_after": ["7"]}) == Retrieval(True, 7)
    for query in ({"stream": ["yes"]}, {"starting_after": ["-1"]}, {"include[]": ["all"]}):
        with pytest.raises(SchemaError):
            load_retrieval(query)
