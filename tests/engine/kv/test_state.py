"""llama.cpp's memory gives back exactly the states that were saved, with the demo model and with kinds that cannot be
cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from server.engine.cost.attention import SHORT_CONTEXT
from server.engine.kv.cache import KVCache, Slot
from server.engine.kv.prefix_cache import PrefixCache
from server.engine.kv.tiers import Tiers
from server.engine.llama import native_log
from server.engine.llama.model import Model
from server.engine.llama.weights import ModelLoadError
from server.engine.sampling.candidates import Logits
from server.models.source import demo_model_path
from server.protocol.engine_config import EngineConfig, EngineOptions
from server.protocol.model_options import CacheType, FlashAttention
from tests.engine.tiny_models import N_CTX as TINY_N_CTX
from tests.engine.tiny_models import N_VOCAB, write_recurrent, write_sliding_window

N_CTX = SHORT_CONTEXT


SHARES_OF_F16: dict[CacheType, float] = {
    "f32": 2,
    "bf16": 1,
    "q8_0": 34 / 64,
    "q5_1": 24 / 64,
    "q5_0": 22 / 64,
    "q4_1": 20 / 64,
    "q4_0": 18 / 64,
    "iq4_nl": 18 / 64,
}
"""Bytes that 32 numbers take, where f16 takes 64 (the blocks of ggml-common.h)."""


@dataclass(frozen=True)
class Run:
    slot_index: int
    tokens: list[int]
    start: int
    num_logits: int = 1
    num_padding: int = 0


def load(
    path: Path,
    num_slots: int = 3,
    n_ctx: int = N_CTX,
    flash_attn: FlashAttention = "auto",
    cache_type: CacheType = "f16",
) -> Model:
    options = EngineOptions(
        num_slots=num_slots,
        num_threads=1,
        n_ctx=n_ctx,
        flash_attn=flash_attn,
        cache_type_k=cache_type,
        cache_type_v=cache_type,
    )
    return Model(EngineConfig(model_id="m", model_path=str(path), socket_path="", options=options))


@pytest.fixture(scope="module")
def model() -> Model:
    path = demo_model_path()
    assert path is not None
    return load(path)


class Lane:
    """The slots of a model, empty at first."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.kv_cache = KVCache(model.memory, model.num_slots)
        for slot in self.kv_cache.slots:
            self.kv_cache.clear(slot)

    def compute(self, index: int, tokens: list[int]) -> Logits:
        """Compute tokens into a slot, on top of what it holds; a copy of the logits after the last."""
        return self.go_on(self.kv_cache.slots[index], tokens)

    def go_on(self, slot: Slot, tokens: Sequence[int] = (42,), num_padding: int = 0) -> Logits:
        padded = [*tokens, *[tokens[-1]] * num_padding]
        (row,) = self._model.decode([Run(slot.index, padded, len(slot.tokens), num_padding=num_padding)])
        self.kv_cache.append(slot, tokens, num_padding)
        return self._model.logits(row).copy()


def prompt_of(length: int, first: int = 1000) -> list[int]:
    return [first + (37 * index) % 5000 for index in range(length)]


def test_a_restored_state_is_the_saved_one_byte_for_byte(model: Model) -> None:
    lane = Lane(model)
    first, second, _ = lane.kv_cache.slots
    lane.compute(0, prompt_of(200))
    saved = lane.kv_cache.save(first)
    lane.compute(1, prompt_of(80, first=7000))
    assert lane.kv_cache.restore(second, saved, first.tokens, 200) == 200
    lane.kv_cache.check()
    assert lane.kv_cache.restore(first, lane.kv_cache.save(second), second.tokens, 200) == 200
    assert np.array_equal(lane.kv_cache.save(first), saved)


def test_the_next_logits_agree_with_a_cold_prefill(model: Model) -> None:
    """Logits agree exactly after equal steps; after other steps, within the differences that shapes of batches make."""
    lane = Lane(model)
    first, second, third = lane.kv_cache.slots
    prompt = prompt_of(120)
    lane.compute(0, prompt)
    saved = lane.kv_cache.save(first)
    for length in (120, 90):
        lane.kv_cache.restore(first, saved, prompt, 120)
        lane.kv_cache.trim(first, length)
        lane.kv_cache.restore(second, saved, prompt, length)
        assert len(first.tokens) == len(second.tokens) == length
        restored = lane.compute(1, [42])
        assert np.array_equal(restored, lane.compute(0, [42]))
        lane.kv_cache.clear(third)
        cold = lane.compute(2, [*prompt[:length], 42])
        lane.kv_cache.clear(third)
        lane.compute(2, prompt[:length])
        by_shape = np.abs(cold - lane.compute(2, [42])).max()
        assert 0 < np.abs(cold - restored).max() < 2 * by_shape


def test_without_flash_attention_the_model_says_the_same_and_its_states_are_others(model: Model) -> None:
    path = demo_model_path()
    assert path is not None
    unfused = load(path, flash_attn="off")
    lane, prompt = Lane(unfused), prompt_of(120)
    logits = lane.compute(0, prompt)
    assert np.abs(logits - Lane(model).compute(0, prompt)).max() < 1.5, "the same but for rounding"
    first, second, _ = lane.kv_cache.slots
    saved = lane.kv_cache.save(first)
    lane.kv_cache.restore(second, saved, prompt, 120)
    assert np.array_equal(lane.compute(0, [42]), lane.compute(1, [42]))
    lane.kv_cache.restore(first, saved, prompt, 120)
    assert np.array_equal(lane.kv_cache.save(first), saved)
    fingerprints = {name: load(path, flash_attn=name).state_fingerprint for name in get_args(FlashAttention)}
    assert fingerprints["auto"] == fingerprints["on"] == model.state_fingerprint != fingerprints["off"]


def test_where_contexts_can_get_long_a_cpu_does_without_flash_attention(model: Model) -> None:
    path = demo_model_path()
    assert path is not None
    long = load(path, n_ctx=N_CTX + 1)
    assert long.attention == load(path, flash_attn="off").attention != model.attention
    assert long.state_fingerprint == load(path, flash_attn="off").state_fingerprint
    assert load(path, n_ctx=N_CTX + 1, flash_attn="on").state_fingerprint == model.state_fingerprint


@pytest.mark.parametrize(("cache_type", "share"), SHARES_OF_F16.items())
def test_in_other_numbers_a_state_takes_another_room_and_says_nearly_the_same(
    model: Model, cache_type: CacheType, share: float
) -> None:
    path = demo_model_path()
    assert path is not None
    other = load(path, cache_type=cache_type)
    lane, prompt = Lane(other), prompt_of(120)
    reference = Lane(model)
    expected, logits = reference.compute(0, prompt), lane.compute(0, prompt)
    assert np.corrcoef(expected, logits)[0, 1] > 0.9
    first, second, third = lane.kv_cache.slots
    saved = lane.kv_cache.save(first)
    assert saved.size / reference.kv_cache.save(reference.kv_cache.slots[0]).size == pytest.approx(share, rel=0.02)
    lane.kv_cache.restore(second, saved, prompt, 90)
    lane.kv_cache.copy(first, third, 90)
    assert np.array_equal(lane.compute(1, [42]), lane.compute(2, [42]))
    lane.kv_cache.restore(first, saved, prompt, 120)
    assert np.array_equal(lane.kv_cache.save(first), saved)
    assert other.state_fingerprint != model.state_fingerprint


def test_heads_that_are_no_blocks_of_a_cache_type_are_said_to_be_the_reason(tmp_path: Path) -> None:
    native_log.install()
    path = tmp_path / "tiny.gguf"
    write_sliding_window(path)
    with pytest.raises(
        ModelLoadError, match=r"K cache type q8_0 with block size 32 does not divide n_embd_head_k=16\)"
    ):
        load(path, n_ctx=TINY_N_CTX, cache_type="q8_0")


def test_padding_is_forgotten_and_changes_only_the_shape_of_the_batch(model: Model) -> None:
    lane = Lane(model)
    first, second, third = lane.kv_cache.slots
    prompt, end = prompt_of(300), prompt_of(50, first=7000)
    for slot in (first, second, third):
        lane.go_on(slot, prompt)
    padded = lane.go_on(first, end, num_padding=14)
    row, *_ = model.decode([Run(second.index, [*end, *prompt_of(14)], len(prompt), num_logits=15)])
    assert np.array_equal(padded, model.logits(row)), "exactly as if other tokens followed"
    model.memory.trim(second.index, len(prompt))
    lane.kv_cache.check()
    lane.go_on(third, end)  # by another kernel
    assert np.abs(lane.go_on(first) - lane.go_on(third)).max() < 1.5


def test_slots_that_change_places_go_on_as_if_nothing_had_happened(model: Model) -> None:
    lane = Lane(model)
    first, empty, third = lane.kv_cache.slots
    lane.compute(0, prompt_of(60))
    lane.compute(2, prompt_of(90, first=7000))
    before = [lane.kv_cache.save(slot) for slot in (first, third)]
    lane.kv_cache.exchange(first, third)
    lane.kv_cache.exchange(first, empty)
    assert [(slot.index, len(slot.tokens)) for slot in (first, empty, third)] == [(1, 60), (2, 0), (0, 90)]
    lane.kv_cache.check()
    for slot, state in zip((first, third), before, strict=True):
        tokens = list(slot.tokens)
        moved = lane.go_on(slot)
        lane.kv_cache.restore(slot, state, tokens, len(tokens))
        assert np.array_equal(lane.go_on(slot), moved)


def test_what_is_no_state_leaves_the_slot_empty(model: Model) -> None:
    lane = Lane(model)
    slot = lane.kv_cache.slots[0]
    lane.compute(0, prompt_of(50))
    saved = lane.kv_cache.save(slot)
    for broken in (saved[:100], np.zeros(1000, dtype=np.uint8), saved[:-1]):
        assert lane.kv_cache.restore(slot, broken.copy(), slot.tokens, 50) == 0
        lane.kv_cache.check()


def test_a_slot_that_is_copied_to_several_is_saved_once(model: Model) -> None:
    lane = Lane(model)
    first, second, third = lane.kv_cache.slots
    lane.compute(0, prompt_of(100))
    for slot in (second, third):
        assert lane.kv_cache.copy(first, slot, 70) == 70
    assert np.array_equal(lane.compute(1, [42]), lane.compute(2, [42]))


# --- memories that cannot be cut ------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[write_recurrent, write_sliding_window])
def uncut_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(request.param(tmp_path_factory.mktemp("models") / "tiny.gguf"), n_ctx=TINY_N_CTX)


def small(prompt: list[int]) -> list[int]:
    return [3 + token % (N_VOCAB - 3) for token in prompt]


def test_a_whole_state_can_be_restored_and_continued(uncut_model: Model) -> None:
    lane = Lane(uncut_model)
    first, second, _ = lane.kv_cache.slots
    assert not lane.kv_cache.can_trim
    prompt = small(prompt_of(100))
    lane.compute(0, prompt)
    lane.kv_cache.restore(second, lane.kv_cache.save(first), prompt, 100)
    lane.kv_cache.check()
    assert np.array_equal(lane.compute(0, [42]), lane.compute(1, [42]))


def test_a_state_that_cannot_be_cut_is_dropped_rather_than_continued_wrongly(uncut_model: Model) -> None:
    lane = Lane(uncut_model)
    first, second, _ = lane.kv_cache.slots
    prompt = small(prompt_of(100))
    lane.compute(0, prompt)
    assert lane.kv_cache.restore(second, lane.kv_cache.save(first), prompt, 95) == 0
    lane.kv_cache.check()


def test_whatever_is_reused_the_logits_are_those_of_a_cold_prefill(uncut_model: Model) -> None:
    """Conversations that branch, in two slots with host memory behind them; the third slot computes all anew."""
    lane = Lane(uncut_model)
    tiers = Tiers(lane.kv_cache, 1 << 24)
    cache = PrefixCache(lane.kv_cache, tiers)
    cold_slot = lane.kv_cache.slots[2]
    cold_slot.is_busy = True
    random = np.random.default_rng(3)
    prompts = [small(prompt_of(60, first)) for first in (3, 50, 90)]
    num_reused = 0
    for step in range(40):
        prompt = prompts[random.integers(len(prompts))]
        prompt = [*prompt[: random.integers(40, len(prompt) + 1)], *small(random.integers(3, 99, 5).tolist())][:200]
        prompts.append(prompt)
        placement = cache.place(prompt, "")
        assert placement is not None
        num_reused += (num_cached := cache.apply(placement, ""))
        warm = lane.compute(placement.slot.index, prompt[num_cached:])
        placement.slot.last_used = step
        cold_slot.scope = "nobody"
        lane.kv_cache.clear(cold_slot)
        cold = lane.compute(2, prompt)
        assert np.abs(warm - cold).max() < 1e-3 * np.abs(cold).max()
    lane.kv_cache.check()
    assert num_reused > 0
    assert tiers.stats.num_restores > 0
    assert tiers.stats.num_failed_restores == 0
