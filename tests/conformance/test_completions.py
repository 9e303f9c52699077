"""`client.completions` of the official client against the demo model."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types import Completion

MODEL = "SmolLM2-135M-Instruct"
PROMPT = "The capital of France is"


def complete(client: OpenAI, **options: Any) -> Any:
    """A `Completion`, or a stream of them."""
    return client.completions.create(**{"model": MODEL, "prompt": PROMPT, "temperature": 0, "max_tokens": 3, **options})


def test_a_prompt_is_continued(client: OpenAI) -> None:
    completion = complete(client)
    Completion.model_validate(completion.model_dump(), strict=True)
    assert completion.choices[0].text.startswith(" Paris")
    assert completion.choices[0].finish_reason == "length"
    assert completion.id.startswith("cmpl-")
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (5, 3)


def test_sixteen_tokens_are_the_default(client: OpenAI) -> None:
    usage = complete(client, max_tokens=openai.omit, extra_body={"ignore_eos": True}).usage
    assert usage is not None
    assert usage.completion_tokens == 16


def test_a_stream_says_the_same_as_the_whole(client: OpenAI) -> None:
    chunks = list(complete(client, max_tokens=12, stream=True, stream_options={"include_usage": True}))
    texts = [choice.text for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == complete(client, max_tokens=12).choices[0].text
    assert chunks[-1].usage.completion_tokens == 12


def test_several_prompts_are_answered_in_order(client: OpenAI) -> None:
    prompts = [PROMPT, "One two three four", "Water is"]
    together = complete(client, prompt=prompts, n=2)
    assert [choice.index for choice in together.choices] == list(range(6))
    alone = [complete(client, prompt=prompt).choices[0].text for prompt in prompts]
    assert [choice.text for choice in together.choices] == [text for text in alone for _ in range(2)]
    assert together.usage is not None
    assert together.usage.completion_tokens == 18


def test_token_ids_are_taken_as_they_are(client: OpenAI) -> None:
    ids = [504, 3575, 282, 4649, 314]  # "The capital of France is"
    assert complete(client, prompt=ids).choices[0].text == complete(client).choices[0].text
    both = complete(client, prompt=[ids, ids[:3]])
    assert both.choices[0].text == complete(client).choices[0].text
    echoed = complete(client, prompt=ids, echo=True).choices[0].text
    assert echoed == PROMPT + complete(client).choices[0].text


def test_echo_puts_the_prompt_before_the_answer(client: OpenAI) -> None:
    assert complete(client, echo=True).choices[0].text == PROMPT + complete(client).choices[0].text
    chunks = complete(client, echo=True, stream=True)
    texts = [choice.text for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == PROMPT + complete(client).choices[0].text


def test_an_empty_prompt_begins_a_document(client: OpenAI) -> None:
    assert complete(client, prompt="").usage is not None


def test_logprobs_have_tokens_and_offsets(client: OpenAI) -> None:
    choice = complete(client, logprobs=2).choices[0]
    assert choice.logprobs is not None
    tokens, offsets = choice.logprobs.tokens, choice.logprobs.text_offset
    assert tokens is not None
    assert offsets is not None
    assert "".join(tokens) == choice.text
    assert [choice.text[offset:].startswith(token) for token, offset in zip(tokens, offsets, strict=True)] == [True] * 3
    assert choice.logprobs.top_logprobs is not None
    assert all(len(top) == 2 for top in choice.logprobs.top_logprobs)


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"suffix": "!"}, "suffix"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a"] * 100}, "prompt"),  # more than slots and queue hold
        ({"prompt": ["a", 1]}, "prompt[1]"),
        ({"best_of": 2, "n": 3}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"xtc_probability": 2}}, "xtc_probability"),
        ({"prompt": "word " * 3000}, "prompt"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(client: OpenAI, options: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, **options)
    assert caught.value.param == param


def test_a_token_id_beyond_the_vocabulary_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, prompt=[1, 49152])
    assert "49151" in caught.value.message
    assert caught.value.param == "prompt"
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, logit_bias={"49152": 1})
    assert caught.value.param == "logit_bias"
