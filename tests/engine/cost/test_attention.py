"""The cost that attention adds to tokens, and when a whole tile is faster than a part of one."""

from __future__ import annotations

import pytest

from server.engine.cost.attention import MAX_PASS_TOKENS_UNFUSED, SHORT_CONTEXT, TILE, Attention, fastest_on_cpu

SMALL_MODEL = Attention.on_cpu(num_weights=358_000_000, n_embd=896, n_layer=24)
"""Attention of a model in the shape of Qwen2.5-0.5B."""


def test_without_attention_tokens_are_all_there_is() -> None:
    assert [Attention().work(number, 5000) for number in (1, 63, 512)] == [1, 63, 512]
    assert Attention().num_padding(10, 100_000) == 0


def test_tokens_cost_more_the_more_come_before_them() -> None:
    assert SMALL_MODEL.work(64, 0) == pytest.approx(64, rel=0.02)
    assert SMALL_MODEL.work(64, 2000) > SMALL_MODEL.work(64, 1000) > SMALL_MODEL.work(64, 0)


def test_in_a_long_context_a_whole_tile_takes_less_time_than_a_part_of_one() -> None:
    assert SMALL_MODEL.work(TILE - 1, 2000) > 1.5 * SMALL_MODEL.work(TILE, 2000)
    assert SMALL_MODEL.num_padding(48, 2000) == TILE - 48
    assert SMALL_MODEL.num_padding(48, 0) == 0
    assert SMALL_MODEL.num_padding(8, 2000) == 0, "so few are faster one by one"
    assert SMALL_MODEL.num_padding(TILE, 2000) == SMALL_MODEL.num_padding(TILE + 6, 2000) == 0


def test_without_flash_attention_there_are_no_tiles() -> None:
    unfused = Attention.on_cpu(num_weights=358_000_000, n_embd=896, n_layer=24, flash_attn="off")
    assert [unfused.num_padding(number, 5000) for number in (1, 40, TILE - 1, TILE)] == [0, 0, 0, 0]
    assert unfused.work(40, 1000) == pytest.approx(40 * unfused.work(1, 1020), rel=0.01)
    assert SMALL_MODEL.work(64, 2000) < unfused.work(64, 2000) < SMALL_MODEL.work(63, 2000)


def test_quantized_keys_and_values_have_no_tiles_either() -> None:
    quantized = Attention.on_cpu(num_weights=358_000_000, n_embd=896, n_layer=24, cache_types=("q8_0", "q8_0"))
    assert [quantized.num_padding(number, 5000) for number in (1, 40, TILE - 1)] == [0, 0, 0]
    assert quantized.work(63, 2000) == pytest.approx(SMALL_MODEL.work(63, 2000))
    assert quantized.work(64, 2000) > SMALL_MODEL.work(64, 2000)


def test_flash_attention_is_for_contexts_that_stay_short_unless_somebody_decided_it() -> None:
    assert fastest_on_cpu("auto", SHORT_CONTEXT, n_head=14) == "auto"
    assert fastest_on_cpu("auto", SHORT_CONTEXT + 1, n_head=14) == "off"
    assert fastest_on_cpu("auto", 8192, 14, ("bf16", "f32")) == "off"
    assert [fastest_on_cpu("on", 8192, 14), fastest_on_cpu("off", 100, 14)] == ["on", "off"]


def test_without_flash_attention_a_pass_takes_no_more_than_a_quarter_of_a_gibibyte() -> None:
    n_ctx = 2**28 // (4 * MAX_PASS_TOKENS_UNFUSED * 32)
    assert fastest_on_cpu("auto", n_ctx, n_head=32) == "off"
    assert fastest_on_cpu("auto", n_ctx + 1, n_head=32) == "auto"
    assert fastest_on_cpu("auto", n_ctx + 1, n_head=14) == "off"


def test_a_quantized_cache_keeps_flash_attention() -> None:
    assert fastest_on_cpu("auto", 8192, 14, ("q8_0", "q8_0")) == "auto"
    assert fastest_on_cpu("auto", 8192, 14, ("f16", "q4_0")) == "auto"


def test_in_a_large_model_attention_counts_for_less() -> None:
    large = Attention.on_cpu(num_weights=7_000_000_000, n_embd=4096, n_layer=32)
    assert large.work(64, 2000) < SMALL_MODEL.work(64, 2000)
    assert large.num_padding(40, 1000) == 0
    assert large.num_padding(40, 8000) > 0
