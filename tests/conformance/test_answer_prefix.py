"""`answer_prefix` of responses: an answer that begins with a given text, as if the model had said it."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.saying import told

MODELS = ["thinking", "chatml", "instructions", "channels"]


def ask(client: OpenAI, model: str, text: str, prefix: str, **options: Any) -> Any:
    return client.responses.create(model=model, input=told(text), extra_body={"answer_prefix": prefix}, **options)


@pytest.mark.parametrize("model", MODELS)
def test_the_answer_is_the_prefix_and_what_follows(saying: OpenAI, model: str) -> None:
    response = ask(saying, model, " blue.\n", "The sky is", store=False)
    assert response.output_text == "The sky is blue.\n"
    assert [item.type for item in response.output] == ["message"]


def test_a_stream_begins_with_the_prefix_and_is_stored_whole(saying: OpenAI) -> None:
    with saying.responses.create(
        model="chatml", input=told(" blue."), stream=True, extra_body={"answer_prefix": "The sky is"}
    ) as stream:
        events: list[Any] = list(stream)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas[0] == "The sky is"
    assert "".join(deltas) == "The sky is blue."
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert saying.responses.retrieve(events[0].response.id).output_text == "The sky is blue."


def test_the_demo_model_goes_on_as_it_would_have(client: OpenAI) -> None:
    options: dict[str, Any] = {"model": "SmolLM2-135M-Instruct", "input": "What is the capital of France?"}
    options |= {"temperature": 0, "max_output_tokens": 12}
    begun = "The capital of France is"
    response = client.responses.create(**options, extra_body={"answer_prefix": begun})
    assert response.output_text.startswith(begun + " Paris")


def test_an_answer_in_a_conversation_is_remembered_with_its_prefix(saying: OpenAI) -> None:
    conversation = saying.conversations.create()
    ask(saying, "chatml", " blue.", "The sky is", conversation=conversation.id)
    newest: Any = saying.conversations.items.list(conversation.id, order="desc", limit=1).data[0]
    assert newest.content[0].text == "The sky is blue."


def test_a_demanded_call_has_no_prefix(client: OpenAI) -> None:
    tool: Any = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": None}
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, "SmolLM2-135M-Instruct", "x", "Yes", tools=[tool], tool_choice="required")
    assert refused.value.param == "answer_prefix"
