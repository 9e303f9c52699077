"""Defaults: the request's word, then the model's file, then ours."""

from __future__ import annotations

import pytest

from schemas.chat_completions import ChatCompletionRequest
from schemas.prompt_cache import PromptCache
from schemas.sampling import SamplingOptions
from server.backends.local.submission import DEFAULT_SAMPLING, Caller, cache_policy, make_submit, sampling_params
from server.protocol.messages import ModelCard

CALLER = Caller(turn_of="::1", cache_scope="mine")
CARD = ModelCard(
    model_id="m",
    description="",
    num_slots=1,
    n_ctx=1,
    n_ctx_train=1,
    n_vocab=1,
    n_params=1,
    size_bytes=1,
    chat_template=None,
    bos_token="",
    eos_token="",
    control_spellings=[],
    default_sampling={"temperature": 0.6, "top_k": 20.0},
)


def test_the_request_comes_before_the_models_file_and_that_before_our_defaults() -> None:
    params = sampling_params(SamplingOptions(temperature=0.1), CARD)
    assert (params.temperature, params.top_k, params.min_p) == (0.1, 20, DEFAULT_SAMPLING["min_p"])
    assert isinstance(params.top_k, int)


def test_zero_is_a_value_and_not_a_gap() -> None:
    assert sampling_params(SamplingOptions(temperature=0, top_k=0), CARD).temperature == 0


@pytest.mark.parametrize(("asked", "default", "expected"), [(None, None, None), (None, 7, 7), (3, 7, 3)])
def test_the_default_bound_applies_where_the_request_has_none(
    asked: int | None, default: int | None, expected: int | None
) -> None:
    wanted = ChatCompletionRequest(messages=(), max_tokens=asked)
    assert make_submit(wanted, CARD, caller=CALLER, default_max_tokens=default).max_tokens == expected


def test_a_named_user_takes_turns_among_those_of_its_caller() -> None:
    named = make_submit(ChatCompletionRequest(messages=(), user="ann"), CARD, caller=CALLER)
    unnamed = make_submit(ChatCompletionRequest(messages=()), CARD, caller=CALLER)
    assert (named.user, unnamed.user) == ("::1/ann", "::1")
    assert named.cache_scope == unnamed.cache_scope == "mine"


def test_hints_about_the_cache_reach_the_engine() -> None:
    assert not cache_policy(PromptCache()).is_kept_longer
    assert cache_policy(PromptCache(key="app")).is_kept_longer
    assert cache_policy(PromptCache(), is_stored=True).is_kept_longer
    assert cache_policy(PromptCache(retention="24h")).is_kept_longer
    hinted = cache_policy(PromptCache(retention="in_memory"), conversation="conv_1")
    assert (hinted.conversation, hinted.retention, hinted.is_kept_longer) == ("conv_1", "in_memory", True)
