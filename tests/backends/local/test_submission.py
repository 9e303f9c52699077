"""Defaults: the request's word, then the model's file, then ours."""

from __future__ import annotations

import msgspec
import pytest

from schemas.completions import CompletionRequest
from schemas.prompt_cache import PromptCache
from schemas.sampling import SamplingOptions
from server.answers.request import CacheHints, Caller, ChatRequest
from server.backends.local.submission import (
    DEFAULT_SAMPLING,
    cache_policy,
    chat_submit,
    completion_submits,
    sampling_params,
)
from server.chat.output.plan import OutputPlan
from server.errors.tree import UnsupportedParameter
from server.protocol.messages import ModelCard, Submit
from server.protocol.values import QueueKey, TextPiece

CALLER = Caller(queue_key="::1", cache_scope="mine")
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


def submit(request: ChatRequest) -> Submit:
    return chat_submit(request, CARD, [], OutputPlan(), CALLER)


def test_a_named_user_has_a_place_in_the_queue_among_those_of_its_caller() -> None:
    named, unnamed = submit(ChatRequest((), user="ann")), submit(ChatRequest(()))
    assert (named.queue_key, unnamed.queue_key) == (QueueKey("::1", "ann"), QueueKey("::1"))
    assert named.cache_scope == unnamed.cache_scope == "mine"


def test_hints_about_the_cache_reach_the_engine() -> None:
    assert not cache_policy(CacheHints()).is_kept_longer
    assert cache_policy(CacheHints(PromptCache(key="app"))).is_kept_longer
    assert cache_policy(CacheHints(is_stored=True)).is_kept_longer
    assert cache_policy(CacheHints(PromptCache(retention="24h"))).is_kept_longer
    hinted = submit(ChatRequest((), cache=CacheHints(PromptCache(retention="in_memory"), "conv_1"))).cache_policy
    assert (hinted.conversation, hinted.retention, hinted.is_kept_longer) == ("conv_1", "in_memory", True)


def test_the_best_of_several_are_found_by_their_logprobs() -> None:
    (ranked,) = completion_submits(CompletionRequest(("a",), n=1, best_of=3), CARD, CALLER)
    assert (ranked.num_choices, ranked.num_top_logprobs) == (3, 0)
    (plain,) = completion_submits(CompletionRequest(("a",)), CARD, CALLER)
    assert (plain.num_choices, plain.num_top_logprobs) == (1, None)


def test_prompts_are_texts_or_token_ids() -> None:
    text, ids = completion_submits(CompletionRequest(("a", [1, 2]), echo=True), CARD, CALLER)
    assert (text.pieces, text.token_ids, text.wants_prompt_text) == ([TextPiece("a", True)], None, False)
    assert (ids.pieces, ids.token_ids, ids.wants_prompt_text) == ([], [1, 2], True)


def test_a_gap_is_filled_only_by_a_model_that_can() -> None:
    wanted = CompletionRequest(("before",), suffix="after")
    with pytest.raises(UnsupportedParameter, match="no infill tokens"):
        completion_submits(wanted, CARD, CALLER)
    infilling = msgspec.structs.replace(CARD, infill_spellings=("<p>", "<s>", "<m>"))
    (gap,) = completion_submits(wanted, infilling, CALLER)
    assert [piece.text for piece in gap.pieces] == ["<p>", "before", "<s>", "after", "<m>"]
    assert [piece.parse_special for piece in gap.pieces] == [True, False, True, False, True]
