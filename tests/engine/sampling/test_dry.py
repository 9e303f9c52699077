"""DRY: asked about a few tokens only, it says what llama.cpp's sampler says about all of them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import llama_cpp.llama_cpp as llama
import msgspec
import numpy as np
import pytest

from server.engine.llama import native_log
from server.engine.llama.vocabulary import Vocabulary
from server.engine.sampling.dry import MAX_RULES, DryRule, DryRules
from server.models.source import demo_model_path
from server.protocol.values import SamplingParams, TextPiece
from tests.engine.sampling.llama_samplers import LlamaSamplers

N_CTX = 256
PARAMS = SamplingParams(dry_multiplier=0.8, dry_penalty_last_n=100)


@pytest.fixture(scope="module")
def vocabulary() -> Iterator[object]:
    native_log.install()
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(str(demo_model_path()).encode(), params)
    assert model
    yield llama.llama_model_get_vocab(model)
    llama.llama_model_free(model)


def llama_dry(vocabulary: object, params: SamplingParams) -> object:
    breakers = [breaker.encode() for breaker in params.dry_sequence_breakers]
    array = (ctypes.c_char_p * len(breakers))(*breakers)
    return llama.llama_sampler_init_dry(
        vocabulary,
        params.dry_multiplier,
        params.dry_base,
        params.dry_allowed_length,
        params.dry_penalty_last_n,
        array,
        len(breakers),
    )


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"dry_base": 3.0, "dry_allowed_length": 0},
        {"dry_penalty_last_n": 10},
        {"dry_sequence_breakers": ("\n", " red", "fish blue")},
    ],
    ids=str,
)
def test_it_changes_what_llama_cpp_changes(vocabulary: object, values: dict[str, object]) -> None:
    params = msgspec.structs.replace(PARAMS, **values)
    text = 'One fish, two fish, red fish, blue fish.\nOne fish, two fish: "red fish, blue fish, one fish, two'
    history = Vocabulary(vocabulary).tokenize([TextPiece(text, parse_special=False)])
    n_vocab = Vocabulary(vocabulary).num_tokens
    ours = DryRule(vocabulary, params, N_CTX).start()
    num_changed = 0
    with LlamaSamplers(llama_dry(vocabulary, params)) as theirs:
        for end in range(1, len(history) + 1):
            theirs.accept(history[end - 1 : end])
            before = np.random.default_rng(end).normal(size=n_vocab).astype(np.float32)
            logits = before.copy()
            if end > 3:  # so that the beginning arrives at once, as a prompt does
                ours.penalize(logits, history[:end])
                np.testing.assert_array_equal(logits, theirs.apply(before).logits)
            num_changed += int((logits != before).sum())
    ours.close()
    assert num_changed > 0


def test_its_window_is_no_longer_than_the_context(vocabulary: object) -> None:
    rule = DryRule(vocabulary, msgspec.structs.replace(PARAMS, dry_penalty_last_n=2**31 - 1), N_CTX)
    assert rule.window == N_CTX
    dry = rule.start()
    dry.penalize(np.zeros(49152, dtype=np.float32), list(range(300)) * 2)
    dry.close()


def test_rules_are_made_once_for_the_same_params(vocabulary: object) -> None:
    rules = DryRules(vocabulary, N_CTX)
    first = rules.rule(PARAMS)
    assert first is not None
    assert rules.rule(msgspec.structs.replace(PARAMS, temperature=0.5)) is first
    assert rules.rule(msgspec.structs.replace(PARAMS, dry_base=2.0)) is not first


def test_rules_that_were_not_used_for_long_are_forgotten_but_live_while_they_are_needed(vocabulary: object) -> None:
    rules = DryRules(vocabulary, N_CTX)
    first = rules.rule(PARAMS)
    for base in range(2, MAX_RULES + 2):
        rules.rule(msgspec.structs.replace(PARAMS, dry_base=float(base), dry_sequence_breakers=("\n",)))
    assert rules.rule(PARAMS) is not first
    assert first is not None
    first.start().close()


def test_without_a_multiplier_or_a_window_there_is_no_rule(vocabulary: object) -> None:
    rules = DryRules(vocabulary, N_CTX)
    assert rules.rule(SamplingParams()) is None
    assert rules.rule(msgspec.structs.replace(PARAMS, dry_penalty_last_n=0)) is None
