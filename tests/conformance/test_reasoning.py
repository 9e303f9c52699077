"""Reasoning apart from the answer, through the official client; the model says what the question tells it to."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.conformance.saying import told
from tests.live_server import LiveServer
from tests.thinking_model import write_thinking_model

THOUGHT = "<think>\nHm.\n</think>\n\nYes."


def ask(client: OpenAI, text: str, **options: Any) -> ChatCompletion:
    defaults = {"model": "thinking", "messages": told(text)}
    completion: ChatCompletion = client.chat.completions.create(**{**defaults, **options})
    return completion


def reasoning_of(message: Any) -> str | None:
    return getattr(message, "reasoning_content", None)


def test_reasoning_is_apart_from_the_content(saying: OpenAI) -> None:
    completion = ask(saying, THOUGHT)
    message = completion.choices[0].message
    assert (reasoning_of(message), message.content) == ("Hm.", "Yes.")
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.completion_tokens_details is not None
    # A token is a byte here.
    assert completion.usage.completion_tokens_details.reasoning_tokens == len("<think>\nHm.\n</think>")
    assert completion.usage.completion_tokens == len(THOUGHT) + 1


def test_reasoning_is_streamed_before_the_content(saying: OpenAI) -> None:
    options: dict[str, Any] = {"model": "thinking", "messages": told(THOUGHT), "n": 2}
    chunks = saying.chat.completions.create(**options, stream=True, stream_options={"include_usage": True})
    deltas: dict[int, list[Any]] = {0: [], 1: []}
    usage: Any = None
    for chunk in chunks:
        usage = chunk.usage
        for choice in chunk.choices:
            deltas[choice.index].append(choice.delta)
    for of_choice in deltas.values():
        assert "".join(reasoning_of(delta) or "" for delta in of_choice) == "Hm."
        assert "".join(delta.content or "" for delta in of_choice) == "Yes."
        first_content = next(i for i, delta in enumerate(of_choice) if delta.content)
        assert not any(reasoning_of(delta) for delta in of_choice[first_content:])
    assert usage.completion_tokens_details.reasoning_tokens == 2 * len("<think>\nHm.\n</think>")


def test_an_answer_without_reasoning_has_none(saying: OpenAI) -> None:
    for model in ("thinking", "chatml"):
        completion = ask(saying, "Yes. <think>", model=model)
        assert completion.choices[0].message.content == "Yes. <think>"
        assert "reasoning_content" not in completion.choices[0].message.model_dump(exclude_unset=True)


@pytest.mark.parametrize("off", [{"reasoning_format": "none"}, {"separate_reasoning": False}])
def test_a_request_turns_the_separation_off(saying: OpenAI, off: dict[str, Any]) -> None:
    completion = ask(saying, THOUGHT, extra_body=off)
    message = completion.choices[0].message
    assert (reasoning_of(message), message.content) == (None, THOUGHT)


def test_reasoning_can_be_left_out(saying: OpenAI) -> None:
    message = ask(saying, THOUGHT, extra_body={"include_reasoning": False}).choices[0].message
    assert (reasoning_of(message), message.content) == (None, "Yes.")


def test_reasoning_that_the_token_limit_cuts_off_is_reasoning(saying: OpenAI) -> None:
    completion = ask(saying, THOUGHT, max_tokens=10)
    message = completion.choices[0].message
    assert (reasoning_of(message), message.content) == ("Hm", "")
    assert completion.choices[0].finish_reason == "length"


STOPPED = {
    "thinking": "<think>\nHm.\n\nObservation: none.\n</think>\n\nYes.\nObservation: some.",
    "channels": "<|channel|>analysis<|message|>Hm.\n\nObservation: none.<|end|><|start|>assistant"
    "<|channel|>final<|message|>Yes.\nObservation: some.",
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", STOPPED)
@pytest.mark.parametrize("stop", ["Observation:", ["\n", "\n\n"], "</s>"])
def test_a_stop_string_in_the_thoughts_stops_nothing(saying: OpenAI, model: str, stop: Any, stream: bool) -> None:
    said = "Yes.\nObservation: some." if stop == "</s>" else "Yes.\n" if stop == "Observation:" else "Yes."
    if stream:
        reasoning, content, _, reasons = joined(ask(saying, STOPPED[model], model=model, stop=stop, stream=True))
        assert (reasoning, content) == ({0: "Hm.\n\nObservation: none."}, {0: said})
        assert reasons == {0: "stop"}
        return
    choice = ask(saying, STOPPED[model], model=model, stop=stop).choices[0]
    assert (reasoning_of(choice.message), choice.message.content) == ("Hm.\n\nObservation: none.", said)
    assert choice.finish_reason == "stop"


def test_a_stop_string_in_thoughts_that_are_content_stops(saying: OpenAI) -> None:
    message = ask(saying, THOUGHT, stop="Hm", extra_body={"reasoning_format": "none"}).choices[0].message
    assert message.content == "<think>\n"


def test_logprobs_are_those_of_the_content(saying: OpenAI) -> None:
    completion = ask(saying, THOUGHT, logprobs=True)
    logprobs = completion.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(token.token for token in logprobs.content).strip() == "Yes."


def test_the_reasoning_of_earlier_turns_goes_where_the_template_looks_for_it(saying: OpenAI) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Say «x»"},
        {"role": "assistant", "content": None, "reasoning_content": "Say «thought».", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ]
    assert ask(saying, "", messages=messages).choices[0].message.content == "thought"


# --- what is demanded comes behind the reasoning, which is free -----------------------------------------------------

FREE = 'Hm. {"no": ]'
WANDERING = {
    "thinking": f"<think>\n{FREE}\n</think>\n\nI would rather not.",
    "channels": f"<|channel|>analysis<|message|>{FREE}<|end|><|start|>assistant<|channel|>final<|message|>Rather not.",
}
"""What models say that know no JSON, by the template."""

VERDICT: dict[str, Any] = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}, "number": {"type": "integer", "minimum": 1, "maximum": 99}},
    "required": ["sure", "number"],
    "additionalProperties": False,
}
AS_VERDICT: dict[str, Any] = {
    "response_format": {"type": "json_schema", "json_schema": {"name": "verdict", "schema": VERDICT}}
}
GIVE_VERDICT: dict[str, Any] = {
    "tools": [{"type": "function", "function": {"name": "give", "parameters": VERDICT, "strict": True}}],
    "tool_choice": "required",
}


def check_verdict(text: str | None) -> None:
    verdict = json.loads(text or "")
    assert set(verdict) == {"sure", "number"}
    assert verdict["sure"] in (True, False)
    assert verdict["number"] in range(1, 100)


ByChoice = dict[int, str]


def joined(stream: Any) -> tuple[ByChoice, ByChoice, ByChoice, ByChoice]:
    """Reasoning, content, arguments of the call and finish_reason of each choice; they come in this order."""
    parts: tuple[ByChoice, ByChoice, ByChoice, ByChoice] = ({}, {}, {}, {})
    for choice in (choice for chunk in stream for choice in chunk.choices):
        calls = choice.delta.tool_calls or ()
        arguments = "".join(call.function.arguments or "" for call in calls)
        new = (reasoning_of(choice.delta), choice.delta.content, arguments, choice.finish_reason)
        for number, text in enumerate(new):
            if text:
                assert not any(choice.index in later for later in parts[number + 1 :])
                parts[number][choice.index] = parts[number].get(choice.index, "") + text
    return parts


@pytest.mark.parametrize("model", WANDERING)
def test_json_that_is_demanded_follows_the_reasoning(saying: OpenAI, model: str) -> None:
    options: dict[str, Any] = {"model": model, **AS_VERDICT, "n": 3, "max_tokens": 1000}
    completion = ask(saying, WANDERING[model], **options)
    for choice in completion.choices:
        assert (reasoning_of(choice.message), choice.finish_reason) == (FREE, "stop")
        check_verdict(choice.message.content)
    assert completion.usage is not None
    assert completion.usage.completion_tokens_details is not None
    assert (completion.usage.completion_tokens_details.reasoning_tokens or 0) >= 3 * len(FREE)
    stream: Any = ask(saying, WANDERING[model], **options, stream=True)
    reasoning, content, _, reasons = joined(stream)
    assert reasoning == dict.fromkeys(range(3), FREE)
    assert reasons == dict.fromkeys(range(3), "stop")
    for text in content.values():
        check_verdict(text)


@pytest.mark.parametrize("model", WANDERING)
def test_a_call_that_is_demanded_follows_the_reasoning(saying: OpenAI, model: str) -> None:
    options: dict[str, Any] = {"model": model, **GIVE_VERDICT, "parallel_tool_calls": False, "max_tokens": 1000}
    choice = ask(saying, WANDERING[model], **options).choices[0]
    assert (reasoning_of(choice.message), choice.message.content) == (FREE, None)
    assert choice.finish_reason == "tool_calls"
    calls: Any = choice.message.tool_calls
    (call,) = calls
    check_verdict(call.function.arguments)
    stream: Any = ask(saying, WANDERING[model], **options, stream=True)
    reasoning, content, arguments, reasons = joined(stream)
    assert (reasoning, content, reasons) == ({0: FREE}, {}, {0: "tool_calls"})
    check_verdict(arguments[0])


BEGUN = {
    ("thinking", "json"): f"<think>\n{FREE}\n</think>\n\n{{not",
    ("thinking", "call"): f'<think>\n{FREE}\n</think>\n\n<tool_call>\n{{"name": "give", "arguments": {{not',
    ("channels", "json"): WANDERING["channels"].replace("Rather", "{not"),
    ("channels", "call"): f"<|channel|>analysis<|message|>{FREE}<|end|><|start|>assistant"
    "<|channel|>commentary to=functions.give <|constrain|>json<|message|>{not",
}
"""What models say that begin well."""


def num_tokens(text: str) -> int:
    """A control token of the channels is one, like any byte."""
    return len(re.sub(r"<\|(?!constrain)\w+\|>", "x", text))


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("model", WANDERING)
@pytest.mark.parametrize("demand", ["json", "call"])
def test_the_token_limit_may_cut_off_either_part(saying: OpenAI, demand: str, model: str, streams: bool) -> None:
    text = BEGUN[model, demand]
    options = {"model": model, **(AS_VERDICT if demand == "json" else GIVE_VERDICT)}
    for said, thought in ((text.partition("Hm.")[0] + "Hm.", "Hm."), (text.partition("not")[0] + ".", FREE)):
        options["max_tokens"] = num_tokens(said)
        if streams:
            stream: Any = ask(saying, text, **options, stream=True)
            reasoning, content, arguments, reasons = joined(stream)
            cut = (content if demand == "json" else arguments).get(0, "")
        else:
            choice = ask(saying, text, **options).choices[0]
            reasoning, reasons = {0: reasoning_of(choice.message) or ""}, {0: choice.finish_reason}
            calls: Any = choice.message.tool_calls or ()
            cut = (choice.message.content or "") + "".join(call.function.arguments for call in calls)
        assert (reasoning, reasons) == ({0: thought}, {0: "length"})
        assert cut[:1] == ("{" if thought == FREE else "")


# --- the demo model's tokens, which are longer than a byte ----------------------------------------------------------

HABIT: list[Any] = [
    message
    for word, is_long in (("cat", "false"), ("elephant", "true"), ("dog", "false"))
    for message in (
        {"role": "user", "content": f"Is the word '{word}' long?"},
        {
            "role": "assistant",
            "content": f'<think>\nIt has {len(word)} letters.\n</think>\n\n{{"word": "{word}", "long": {is_long}}}',
        },
    )
]
WORD: dict[str, Any] = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 12}, "long": {"type": "boolean"}},
    "required": ["word", "long"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def thinker() -> Iterator[OpenAI]:
    with tempfile.TemporaryDirectory() as folder:
        path = write_thinking_model(Path(folder) / "thinker.gguf")
        with LiveServer(model=path, slots=4) as server, OpenAI(base_url=server.base_url, api_key="none") as client:
            yield client


def think(client: OpenAI, **options: Any) -> Any:
    """What a model says that has got into the habit of thinking first."""
    messages = [*HABIT, {"role": "user", "content": "Is the word 'tree' long?"}]
    response_format = {"type": "json_schema", "json_schema": {"name": "word", "schema": WORD}}
    defaults = {"messages": messages, "response_format": response_format, "max_tokens": 200, "temperature": 0}
    return client.chat.completions.create(model="thinker", **{**defaults, **options})


def check_word(text: str | None) -> None:
    word = json.loads(text or "")
    assert set(word) == {"word", "long"}
    assert len(word["word"]) <= 12
    assert word["long"] in (True, False)


def test_a_real_model_thinks_and_then_keeps_to_the_schema(thinker: OpenAI) -> None:
    completion = think(thinker)
    (choice,) = completion.choices
    assert choice.finish_reason == "stop"
    thought = reasoning_of(choice.message) or ""
    assert "letters" in thought
    assert "think>" not in thought
    check_word(choice.message.content)
    num_reasoning = completion.usage.completion_tokens_details.reasoning_tokens
    assert 0 < num_reasoning < completion.usage.completion_tokens
    reasoning, content, _, reasons = joined(think(thinker, stream=True))
    assert (reasoning, content) == ({0: thought}, {0: choice.message.content})
    assert reasons == {0: "stop"}


def test_so_it_does_at_any_temperature_or_says_that_it_was_cut_off(thinker: OpenAI) -> None:
    for seed in range(2):
        for choice in think(thinker, n=4, temperature=1.3, seed=seed).choices:
            if choice.finish_reason == "stop":
                assert reasoning_of(choice.message)
                check_word(choice.message.content)
            else:
                assert choice.finish_reason == "length"


def test_a_real_model_is_cut_off_in_either_part(thinker: OpenAI) -> None:
    whole = think(thinker)
    num_reasoning = whole.usage.completion_tokens_details.reasoning_tokens
    for max_tokens, is_thinking in ((3, True), (num_reasoning + 4, False)):
        cut = think(thinker, max_tokens=max_tokens).choices[0]
        assert cut.finish_reason == "length"
        thought = reasoning_of(whole.choices[0].message) or ""
        assert thought.startswith(reasoning_of(cut.message) or "-")
        assert bool(cut.message.content) != is_thinking
        assert whole.choices[0].message.content.startswith(cut.message.content)


def test_a_real_model_that_shall_not_think_does_not(thinker: OpenAI) -> None:
    choice = think(thinker, extra_body={"chat_template_kwargs": {"enable_thinking": False}}).choices[0]
    assert reasoning_of(choice.message) is None
    check_word(choice.message.content)


def test_a_real_model_makes_a_demanded_call_behind_its_reasoning(thinker: OpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "judge", "parameters": WORD, "strict": True}}]
    options: dict[str, Any] = {"tools": tools, "tool_choice": "required", "response_format": {"type": "text"}}
    choice = think(thinker, **options).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert reasoning_of(choice.message)
    check_word(choice.message.tool_calls[0].function.arguments)
