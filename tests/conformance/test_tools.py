"""Tool calls through the official client: the demo model, which was never taught any, and scripted ones."""

from __future__ import annotations

import json
import os
from typing import Any, Literal

import openai
import pydantic
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.conformance.saying import told

NUM_CALLS = int(os.environ.get("PARLEY_TEST_NUM_CALLS", "8"))
"""How many demanded calls are checked; 100 was the goal, and was met."""

MODEL = "SmolLM2-135M-Instruct"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 20},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
TIME: Any = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "The time in a time zone.",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
            "required": ["zone"],
            "additionalProperties": False,
        },
    },
}
QUESTION: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]


def ask(client: OpenAI, **options: Any) -> ChatCompletion:
    defaults = {"model": MODEL, "messages": QUESTION, "temperature": 0, "max_tokens": 200, "tools": [WEATHER, TIME]}
    completion: ChatCompletion = client.chat.completions.create(**{**defaults, **options})
    return completion


def check_calls(message: Any) -> list[str]:
    """The names of the calls, every one of them valid."""
    assert message.content is None
    names = []
    for call in message.tool_calls:
        assert call.type == "function"
        assert len(call.id) == len("call_") + 24
        arguments = json.loads(call.function.arguments)
        if call.function.name == "get_weather":
            assert set(arguments) == {"city", "unit"}
            assert arguments["unit"] in ("celsius", "fahrenheit")
            assert len(arguments["city"]) <= 20
        else:
            assert arguments in ({"zone": "UTC"}, {"zone": "CET"})
        names.append(call.function.name)
    return names


def test_a_demanded_call_is_made(client: OpenAI) -> None:
    completion = ask(client, tool_choice="required", parallel_tool_calls=False)
    (choice,) = completion.choices
    assert choice.finish_reason == "tool_calls"
    assert check_calls(choice.message) == ["get_weather"]
    assert choice.message.tool_calls is not None


def test_a_demanded_call_of_a_function_is_of_that(client: OpenAI) -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    completion = ask(client, tool_choice=choice, temperature=1.5, n=3)
    assert [check_calls(choice.message) for choice in completion.choices] == [["get_time"]] * 3
    ids = {call.id for choice in completion.choices for call in choice.message.tool_calls or ()}
    assert len(ids) == 3


def test_demanded_calls_are_valid_every_time(client: OpenAI) -> None:
    completion = ask(client, tool_choice="required", temperature=1, n=NUM_CALLS)
    assert all(check_calls(choice.message) for choice in completion.choices)
    assert {choice.finish_reason for choice in completion.choices} == {"tool_calls"}


def test_only_allowed_functions_are_called(client: OpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "get_time"}}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}}
    assert check_calls(ask(client, tool_choice=choice).choices[0].message) == ["get_time"]


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_model_may_answer_instead(client: OpenAI, choice: str) -> None:
    completion = ask(client, messages=[{"role": "user", "content": "Hello!"}], tool_choice=choice, max_tokens=30)
    assert completion.choices[0].message.content
    assert completion.choices[0].message.tool_calls is None
    assert completion.choices[0].finish_reason != "tool_calls"


def test_without_a_choice_functions_are_not_shown(client: OpenAI) -> None:
    plain, shown = ask(client, tools=[], max_tokens=1).usage, ask(client, tool_choice="auto", max_tokens=1).usage
    hidden = ask(client, tool_choice="none", max_tokens=1).usage
    assert plain is not None
    assert shown is not None
    assert hidden is not None
    assert plain.prompt_tokens == hidden.prompt_tokens < shown.prompt_tokens


def test_a_conversation_with_calls_and_results_goes_on(client: OpenAI) -> None:
    call = ask(client, tool_choice="required").choices[0].message
    assert call.tool_calls is not None
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": [{"type": "text", "text": "Sunny."}]}
    messages = [*QUESTION, call.model_dump(exclude_none=True), result]
    assert ask(client, messages=messages, tool_choice="none", max_tokens=8).choices[0].message.content
    assert ask(client, messages=messages, tools=[], max_tokens=8).choices[0].message.content


def test_a_demanded_call_that_the_token_limit_cuts_off_says_so(client: OpenAI) -> None:
    completion = ask(client, tool_choice="required", max_tokens=20)
    assert completion.choices[0].finish_reason == "length"
    assert completion.choices[0].message.tool_calls is not None


def test_deprecated_words_are_answered_in_the_same(client: OpenAI) -> None:
    functions = [WEATHER["function"], TIME["function"]]
    options: dict[str, Any] = {"tools": openai.omit, "functions": functions, "function_call": {"name": "get_time"}}
    choice = ask(client, **options).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.tool_calls is None
    assert choice.message.function_call is not None
    assert choice.message.function_call.name == "get_time"
    assert json.loads(choice.message.function_call.arguments)["zone"] in ("UTC", "CET")
    streamed: Any = {"model": MODEL, "messages": QUESTION, "max_tokens": 99, "stream": True, **options}
    chunks: list[ChatCompletionChunk] = list(client.chat.completions.create(**streamed))
    deltas = [chunk.choices[0].delta.function_call for chunk in chunks if chunk.choices[0].delta.function_call]
    assert [delta.name for delta in deltas if delta.name] == ["get_time"]
    assert json.loads("".join(delta.arguments or "" for delta in deltas))["zone"] in ("UTC", "CET")
    assert chunks[-1].choices[0].finish_reason == "function_call"


def test_the_clients_stream_helper_follows_a_call(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=QUESTION, tools=[WEATHER, TIME], tool_choice="required", max_tokens=200, temperature=0
    ) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_completion().choices[0].message
    assert "tool_calls.function.arguments.delta" in kinds
    assert kinds.count("tool_calls.function.arguments.done") == 1
    assert check_calls(message) == ["get_weather"]


def test_the_clients_parser_reads_a_strict_call(client: OpenAI) -> None:
    class GetTime(pydantic.BaseModel):
        zone: Literal["UTC", "CET"]

    tool = openai.pydantic_function_tool(GetTime)
    completion = client.chat.completions.parse(
        model=MODEL, messages=QUESTION, tools=[tool], tool_choice="required", max_tokens=99
    )
    calls = completion.choices[0].message.tool_calls
    assert calls is not None
    (call,) = calls
    assert isinstance(call.function.parsed_arguments, GetTime)


# --- what models write that were taught to call; these say what they are told -----------------------------------------

CALL = '<tool_call>\n{"name": "get_time", "arguments": {"zone": "UTC"}}\n</tool_call>'
SCRIPTED = [TIME]


def say(client: OpenAI, text: str, **options: Any) -> ChatCompletion:
    return ask(
        client, **{"model": "thinking", "messages": told(text), "tools": SCRIPTED, "max_tokens": 1000, **options}
    )


def test_what_a_model_calls_by_itself_is_parsed(saying: OpenAI) -> None:
    choice = say(saying, f"<think>\nHm.\n</think>\n\nI'll look.\n{CALL}\n{CALL}").choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "I'll look."
    assert [call.function.arguments for call in choice.message.tool_calls or ()] == ['{"zone": "UTC"}'] * 2  # type: ignore[union-attr]
    assert choice.message.model_extra == {"reasoning_content": "Hm."}


def test_calls_are_streamed_as_they_come(saying: OpenAI) -> None:
    options: dict[str, Any] = {"model": "thinking", "messages": told(f"Well.\n{CALL}\n{CALL}"), "tools": SCRIPTED}
    chunks: list[ChatCompletionChunk] = list(saying.chat.completions.create(**options, stream=True, n=2))
    for index in range(2):
        deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices[0].index == index]
        calls = [call for delta in deltas for call in delta.tool_calls or ()]
        assert [call.index for call in calls] == sorted(call.index for call in calls)
        assert "".join(delta.content or "" for delta in deltas) == "Well."
        for number in range(2):
            first, *rest = [call for call in calls if call.index == number]
            assert first.id
            assert first.type == "function"
            assert first.function is not None
            assert (first.function.name, first.function.arguments) == ("get_time", "")
            assert all((call.id, call.type, call.function.name) == (None, None, None) for call in rest if call.function)
            assert "".join(call.function.arguments or "" for call in rest if call.function) == '{"zone": "UTC"}'
            assert len(rest) > 1
    assert {chunk.choices[0].finish_reason for chunk in chunks} == {None, "tool_calls"}


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "get_time"',
        "<tool_call>\nget_time()\n</tool_call>",
        '<tool_call>\n{"name": "unheard_of", "arguments": {}}\n</tool_call>',
        "<tool_call",
    ],
)
def test_what_is_no_call_is_text(saying: OpenAI, text: str) -> None:
    choice = say(saying, text).choices[0]
    assert (choice.message.content, choice.message.tool_calls, choice.finish_reason) == (text, None, "stop")


def test_a_call_that_breaks_off_keeps_what_it_has(saying: OpenAI) -> None:
    choice = say(saying, CALL[: -len("}\n</tool_call>") - 1]).choices[0]
    assert choice.message.tool_calls is not None
    assert choice.message.tool_calls[0].function.arguments == '{"zone": "UTC"'  # type: ignore[union-attr]
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize(
    ("stop", "arguments", "reason"),
    [
        ("UTC", ['{"zone": "'], "stop"),
        ("CET", ['{"zone": "UTC"}', '{"zone": "'], "stop"),
        ("}}", ['{"zone": "UTC"'], "stop"),
        ("}\n</tool_call>", ['{"zone": "UTC"}'], "tool_calls"),
        ("</tool_call>", ['{"zone": "UTC"}'], "tool_calls"),
        ("Then", ['{"zone": "UTC"}', '{"zone": "CET"}'], "tool_calls"),
    ],
)
def test_a_stop_string_that_cuts_arguments_leaves_no_calls_to_make(
    saying: OpenAI, stop: str, arguments: list[str], reason: str
) -> None:
    text = f"{CALL}\n{CALL.replace('UTC', 'CET')}\nThen"
    choice = say(saying, text, stop=stop).choices[0]
    assert [call.function.arguments for call in choice.message.tool_calls or ()] == arguments  # type: ignore[union-attr]
    assert choice.finish_reason == reason
    options: dict[str, Any] = {"model": "thinking", "messages": told(text), "tools": SCRIPTED, "stop": [stop]}
    chunks: list[ChatCompletionChunk] = list(saying.chat.completions.create(**options, stream=True))
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    for index, expected in enumerate(arguments):
        of_call = [call.function.arguments or "" for call in calls if call.index == index and call.function]
        assert "".join(of_call) == expected
    assert chunks[-1].choices[0].finish_reason == reason


def test_so_it_does_in_the_deprecated_words(saying: OpenAI) -> None:
    options: dict[str, Any] = {"tools": openai.omit, "functions": [TIME["function"]]}
    cut, whole = (say(saying, CALL, **options, stop=stop).choices[0] for stop in ("UTC", "</tool_call>"))
    assert cut.message.function_call is not None
    assert (cut.message.function_call.arguments, cut.finish_reason) == ('{"zone": "', "stop")
    assert whole.finish_reason == "function_call"


def test_without_tools_nothing_is_parsed(saying: OpenAI) -> None:
    without: list[dict[str, Any]] = [{"tools": []}, {"tool_choice": "none"}]
    for options in without:
        assert say(saying, CALL, **options).choices[0].message.content == CALL


def test_markers_that_are_control_tokens_are_seen(saying: OpenAI) -> None:
    text = '[TOOL_CALLS] [{"name": "get_time", "arguments": {"zone": "UTC"}}]'
    choice = say(saying, text, model="instructions").choices[0]
    assert choice.message.tool_calls is not None
    assert choice.message.tool_calls[0].function.name == "get_time"  # type: ignore[union-attr]


def test_logprobs_leave_calls_out(saying: OpenAI) -> None:
    logprobs = say(saying, f"Hm.\n{CALL}", logprobs=True).choices[0].logprobs
    assert logprobs is not None
    assert "".join(token.token for token in logprobs.content or ()).strip() == "Hm."


# --- what is refused ------------------------------------------------------------------------------------------------


OBJECT = {"type": "object"}


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **fields}}


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"tools": 5}, "tools"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [function(name="a b")]}, "tools[0].function.name"),
        ({"tools": [function(name="a" * 65)]}, "tools[0].function.name"),
        ({"tools": [function(), function()]}, "tools[1].function.name"),
        ({"tools": [function(parameters={"type": "string"})]}, "tools[0].function.parameters"),
        ({"tools": [function(parameters=[])]}, "tools[0].function.parameters"),
        ({"tools": [function(strict="yes")]}, "tools[0].function.strict"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tools": openai.omit, "tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice.function.name"),
        ({"tool_choice": {"type": "custom", "custom": {"name": "g"}}}, "tool_choice.type"),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function()]}}},
            "tool_choice.allowed_tools.tools[0].function.name",
        ),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": openai.omit, "functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name"),
        (
            {"tools": [TIME, function(strict=True, parameters={"type": "object", "not": {}})]},
            "tools[1].function.parameters.not",
        ),
        (
            {"tools": [function(strict=True, parameters={**OBJECT, "properties": {"a": {"pattern": "(?=x)"}}})]},
            "tools[0].function.parameters.properties.a.pattern",
        ),
    ],
)
def test_a_bad_value_is_named(client: OpenAI, options: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **options)
    assert caught.value.param == param


@pytest.mark.parametrize("pattern", ["[[a]", "{{x}}", "a{,3}", r"\Aa\Z", "(?#c)a", r"\bword\b", "(?=a)"])
def test_a_pattern_that_no_grammar_follows_costs_no_list_of_tools(client: OpenAI, pattern: str) -> None:
    properties = {"a": {"type": "string", "pattern": pattern, "maxLength": 5}}
    odd = function(parameters={**OBJECT, "properties": properties})
    only_weather = {"type": "function", "function": {"name": "get_weather"}}
    assert check_calls(ask(client, tools=[WEATHER, odd], tool_choice=only_weather).choices[0].message)
    assert ask(client, tools=[WEATHER, odd]).choices[0].finish_reason
    message: Any = ask(client, tools=[odd], tool_choice="required", parallel_tool_calls=False).choices[0].message
    assert isinstance(json.loads(message.tool_calls[0].function.arguments), dict)
