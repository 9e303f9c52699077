"""An answer that goes on with the assistant's last message, through the official client."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.saying import told

CONTINUED: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}


def said(client: OpenAI, model: str, begun: str, text: str, **options: Any) -> Any:
    messages = [*told(text), {"role": "assistant", "content": begun}]
    completion = client.chat.completions.create(model=model, messages=messages, extra_body=CONTINUED, **options)
    return completion.choices[0].message


@pytest.mark.parametrize("model", ["thinking", "chatml", "instructions", "channels"])
def test_only_what_follows_is_the_answer(saying: OpenAI, model: str) -> None:
    for use in ({}, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}):
        assert said(saying, model, "The sky is", " blue.\n", **use).content == " blue.\n"
    assert said(saying, model, "The sky is", " blue. STOP", stop="STOP").content == " blue. "


def test_thoughts_that_the_message_has_begun_go_on(saying: OpenAI) -> None:
    message = said(saying, "thinking", "<think>\nThe sky", " is blue.\n</think>\n\nYes.")
    assert (message.reasoning_content, message.content) == ("is blue.", "Yes.")
    message = said(saying, "thinking", "The sky", " is <think> blue.")
    assert message.content == " is <think> blue."


def test_a_format_holds_for_what_follows(saying: OpenAI) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "integer"}}}
    for model in ("thinking", "channels"):
        assert said(saying, model, "It is ", "42", response_format=schema).content == "42"


def test_the_demo_model_ends_its_own_sentence(client: OpenAI) -> None:
    messages: Any = [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "The capital of France is"},
    ]
    options: dict[str, Any] = {"model": "SmolLM2-135M-Instruct", "messages": messages, "temperature": 0}
    whole = client.chat.completions.create(**options, extra_body=CONTINUED, max_tokens=10)
    assert (whole.choices[0].message.content or "").startswith(" Paris")
    chunks = client.chat.completions.create(**options, extra_body=CONTINUED, max_tokens=10, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content


def test_a_question_cannot_be_continued(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="SmolLM2-135M-Instruct", messages=told("x"), extra_body=CONTINUED)
    assert refused.value.param == "continue_final_message"
