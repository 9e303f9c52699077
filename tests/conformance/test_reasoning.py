"""Reasoning apart from the answer, through the official client; the model says what the question tells it to."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.conformance.saying import told

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
