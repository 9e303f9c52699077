"""Logprobs of prompts and completions, `best_of` and the sampling extras: the demo model, held against llama.cpp."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
import numpy.typing as npt
import pytest
from openai import OpenAI

from server.engine.llama import native_log
from server.models.source import demo_model_path
from tests.live_server import LiveServer

MODEL = "SmolLM2-135M-Instruct"
PROMPT = "The capital of France is Paris. The capital of Germany is Berlin. 東京 is the capital of"

LogprobsOf = Any


def complete(client: OpenAI, **options: Any) -> Any:
    return client.completions.create(**{"model": MODEL, "prompt": PROMPT, "temperature": 0, "max_tokens": 3, **options})


@pytest.fixture(scope="module")
def reference() -> Iterator[LogprobsOf]:
    """Logprobs of every next token after each of the tokens of a prompt, by llama.cpp alone and in 64 bits."""
    native_log.install()
    model = llama.llama_model_load_from_file(str(demo_model_path()).encode(), llama.llama_model_default_params())
    params = llama.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = 256
    params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED  # as the engine does where contexts can get long
    context = llama.llama_init_from_model(model, params)
    n_vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))

    def logprobs(tokens: list[int]) -> npt.NDArray[np.float64]:
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        batch = llama.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for position, token in enumerate(tokens):
            batch.token[position], batch.pos[position] = token, position
            batch.n_seq_id[position], batch.seq_id[position][0], batch.logits[position] = 1, 0, 1
        assert llama.llama_decode(context, batch) == 0
        llama.llama_batch_free(batch)
        pointer = ctypes.cast(llama.llama_get_logits(context), ctypes.POINTER(ctypes.c_float))
        logits = np.ctypeslib.as_array(pointer, shape=(len(tokens), n_vocab)).astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        scaled: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return scaled

    yield logprobs
    llama.llama_free(context)
    llama.llama_model_free(model)


PROMPT_IDS = [504, 3575, 282, 4649, 314, 7042, 30, 378, 3575, 282, 6537, 314, 14101, 30]


def test_a_prompt_is_scored_as_llama_cpp_scores_it(client: OpenAI, reference: LogprobsOf) -> None:
    """As lm-eval-harness asks."""
    for max_tokens in (0, 1):
        completion = complete(client, prompt=[PROMPT_IDS], echo=True, logprobs=3, max_tokens=max_tokens)
        found = completion.choices[0].logprobs
        expected = reference(PROMPT_IDS)
        assert len(found.token_logprobs) == len(PROMPT_IDS) + max_tokens
        assert (found.token_logprobs[0], found.top_logprobs[0]) == (None, None)
        pairs = enumerate(zip(found.token_logprobs[1:], found.top_logprobs[1:], strict=True))
        for position, (logprob, top) in list(pairs)[: len(PROMPT_IDS) - 1]:
            # Other shapes of a batch add up in another order.
            assert logprob == pytest.approx(expected[position][PROMPT_IDS[position + 1]], abs=0.05)
            assert max(top.values()) == pytest.approx(expected[position].max(), abs=0.05)
            assert len(top) in (3, 4)
        assert completion.usage.completion_tokens == max_tokens
        assert completion.choices[0].finish_reason == "length"
        assert "".join(found.tokens) == completion.choices[0].text


def test_the_likeliest_tokens_have_logprobs_that_compare_equal(client: OpenAI) -> None:
    """lm-eval-harness finds out in this way whether a continuation is the greedy one."""
    found = complete(client, echo=True, logprobs=1, max_tokens=1).choices[0].logprobs
    assert found.token_logprobs[-1] == max(found.top_logprobs[-1].values())


def test_a_scored_prompt_scores_the_same_again_and_in_a_stream(client: OpenAI) -> None:
    whole = complete(client, echo=True, logprobs=2, max_tokens=4).choices[0]
    again = complete(client, echo=True, logprobs=2, max_tokens=4).choices[0]
    assert whole.logprobs.token_logprobs[1:] == pytest.approx(again.logprobs.token_logprobs[1:], abs=0.05)
    chunks = [chunk.choices[0] for chunk in complete(client, echo=True, logprobs=2, max_tokens=4, stream=True)]
    assert "".join(chunk.text for chunk in chunks) == whole.text
    assert [token for chunk in chunks if chunk.logprobs for token in chunk.logprobs.tokens] == whole.logprobs.tokens
    offsets = [offset for chunk in chunks if chunk.logprobs for offset in chunk.logprobs.text_offset]
    assert offsets == whole.logprobs.text_offset == sorted(offsets)
    completed = len(whole.logprobs.tokens) - 4
    assert whole.logprobs.text_offset[completed] == len(PROMPT)


def test_several_prompts_are_scored_at_once(client: OpenAI) -> None:
    prompts = [PROMPT_IDS[:length] for length in range(1, 13)]
    completion = complete(client, prompt=prompts, echo=True, logprobs=0, max_tokens=0)
    assert [len(choice.logprobs.token_logprobs) for choice in completion.choices] == list(range(1, 13))
    assert {choice.logprobs.top_logprobs for choice in completion.choices} == {None}
    longest = completion.choices[-1].logprobs.token_logprobs
    for choice in completion.choices[1:]:
        scores = choice.logprobs.token_logprobs
        assert scores[1:] == pytest.approx(longest[1 : len(scores)], abs=0.1)


def test_an_echo_without_anything_else_is_the_prompt(client: OpenAI) -> None:
    completion = complete(client, echo=True, max_tokens=0)
    assert (completion.choices[0].text, completion.choices[0].logprobs) == (PROMPT, None)
    assert completion.usage.completion_tokens == 0


def test_chat_logprobs_are_those_of_an_independent_softmax(
    server: LiveServer, client: OpenAI, reference: LogprobsOf
) -> None:
    """Penalties and a seed change what is chosen, not what is told of the model's distribution."""
    prompt = PROMPT_IDS[:5]
    choice = complete(
        client, prompt=prompt, logprobs=5, max_tokens=1, temperature=1.5, seed=5, frequency_penalty=2
    ).choices[0]
    expected = reference(prompt)[-1]
    top = sorted(expected, reverse=True)[:5]
    found = sorted(choice.logprobs.top_logprobs[0].values(), reverse=True)[:5]
    assert found == pytest.approx(top, abs=0.05)
    messages = [{"role": "user", "content": "Say: \N{CAT FACE}\N{CAT FACE}"}]
    body = {"messages": messages, "logprobs": True, "top_logprobs": 20, "max_tokens": 12, "temperature": 0}
    _, answer, _ = server.post("/v1/chat/completions", body)
    tokens = answer["choices"][0]["logprobs"]["content"]
    text = answer["choices"][0]["message"]["content"]
    spelled = bytes(byte for token in tokens for byte in token["bytes"])
    assert spelled.decode(errors="ignore") == text
    for token in tokens:
        assert sum(math.exp(each["logprob"]) for each in token["top_logprobs"]) <= 1 + 1e-5
        assert token["logprob"] == token["top_logprobs"][0]["logprob"]
        assert bytes(token["bytes"]).decode(errors="replace") == token["token"]


def test_the_best_of_several_are_the_answer_and_all_are_counted(client: OpenAI) -> None:
    options: dict[str, Any] = {"temperature": 1.3, "seed": 3, "max_tokens": 8, "extra_body": {"ignore_eos": True}}
    every = complete(client, n=6, logprobs=0, **options)
    means = {choice.text: np.mean(choice.logprobs.token_logprobs) for choice in every.choices}
    best = complete(client, n=2, best_of=6, **options)
    assert [choice.index for choice in best.choices] == [0, 1]
    assert [choice.logprobs for choice in best.choices] == [None, None]
    assert best.usage.completion_tokens == 48
    ranked = sorted(means, key=lambda text: -means[text])
    if {choice.text for choice in best.choices} <= means.keys():  # else a near tie has fallen the other way
        assert [choice.text for choice in best.choices] == ranked[:2]


@pytest.mark.parametrize(
    "extra",
    [
        {"dry_multiplier": 2.0, "dry_allowed_length": 1, "dry_sequence_breakers": ["\n"]},
        {"xtc_probability": 1.0, "xtc_threshold": 0.05},
        {"mirostat": 1},
        {"mirostat": 2, "mirostat_tau": 3.0, "mirostat_eta": 0.2},
        {"dynatemp_range": 0.8},
        {"top_n_sigma": 1.0, "top_k": 0, "min_p": 0},
    ],
    ids=str,
)
def test_each_extra_is_honoured_and_reproducible(client: OpenAI, extra: dict[str, Any]) -> None:
    options = {"temperature": 1.0, "seed": 11, "max_tokens": 10, "extra_body": {**extra, "ignore_eos": True}}
    complete(client, **options)  # a prompt from the cache is not computed in the same way as a new one
    first, second = (complete(client, **options).choices[0].text for _ in range(2))
    assert first == second


def test_dry_ends_a_repetition(client: OpenAI) -> None:
    prompt = "one two three four five six one two three four five six one two three four five"
    assert complete(client, prompt=prompt, max_tokens=1).choices[0].text == " six"
    dry = {"dry_multiplier": 5.0, "dry_penalty_last_n": -1}
    assert complete(client, prompt=prompt, max_tokens=1, extra_body=dry).choices[0].text != " six"
