"""What attention adds to the cost of tokens."""

from __future__ import annotations

import pytest

from server.engine.attention import Attention

SMALL_MODEL = Attention.on_cpu(num_weights=358_000_000, n_embd=896, n_layer=24)
"""The shape of Qwen2.5-0.5B."""


def test_without_attention_tokens_are_all_there_is() -> None:
    assert [Attention().work(number, 5000) for number in (1, 63, 512)] == [1, 63, 512]


def test_tokens_cost_more_the_more_come_before_them() -> None:
    assert SMALL_MODEL.work(64, 0) == pytest.approx(64, rel=0.02)
    assert SMALL_MODEL.work(64, 2000) > SMALL_MODEL.work(64, 1000) > SMALL_MODEL.work(64, 0)


def test_however_a_prompt_is_cut_it_is_the_same_work() -> None:
    whole = SMALL_MODEL.work(1000, 0)
    assert SMALL_MODEL.work(300, 0) + SMALL_MODEL.work(700, 300) == pytest.approx(whole)


def test_in_a_large_model_attention_counts_for_less() -> None:
    large = Attention.on_cpu(num_weights=7_000_000_000, n_embd=4096, n_layer=32)
    assert large.work(64, 2000) < SMALL_MODEL.work(64, 2000)
