"""How the prompts of a step are cut, on a machine whose costs are made up."""

from __future__ import annotations

from collections.abc import Sequence as ReadOnlySequence

from server.engine.cost.attention import Attention
from server.engine.cost.step_cost import MIN_PREFILL_TOKENS, StepCost
from server.engine.detokenizer import Detokenizer
from server.engine.kv.cache import Slot
from server.engine.sampling.sampler import Sampler
from server.engine.scheduling.chunking import Chunk, Chunking
from server.engine.sequence import Request, Sequence
from server.protocol.values import SamplingParams

SECONDS_PER_PASS, SECONDS_PER_WORK, SECONDS_PER_DECODE = 0.04, 0.008, 0.02
FAST = 0.0039
"""Seconds per work of a machine on which a step has room for more than is needed to make a pass worth it."""

ATTENTION = Attention(tile=64, per_tiled_token=0.0002, per_single_token=0.001)


def learned(seconds_per_work: float = SECONDS_PER_WORK, seconds_per_decode: float = SECONDS_PER_DECODE) -> StepCost:
    cost = StepCost(max_step_seconds=0.4, max_idle_step_seconds=0.5)
    for number in range(1, 9):
        cost.passes.learn([number], seconds_per_decode)
    for work in (16, 128, 64, 32) * 10:
        cost.learn_prefill(0, 1, work, work, SECONDS_PER_PASS + work * seconds_per_work)
    return cost


def prompt(num_left: int, slot_index: int = 0, num_computed: int = 0, is_scored: bool = False) -> Sequence:
    tokens = [1 + index % 99 for index in range(num_computed + num_left)]
    request = Request("me", 1, tokens, 5, wants_prompt_logprobs=is_scored)
    sequence = Sequence(request, 0, lambda: Sampler(SamplingParams()), Detokenizer())
    sequence.slot = Slot(slot_index, tokens[:num_computed])
    return sequence


def cut(
    prefilling: ReadOnlySequence[Sequence],
    num_decoding: int = 3,
    attention: Attention = ATTENTION,
    n_ctx: int = 8192,
    seconds_per_work: float = SECONDS_PER_WORK,
    seconds_per_decode: float = SECONDS_PER_DECODE,
    is_crowded: bool = False,
) -> list[Chunk]:
    cost = learned(seconds_per_work, seconds_per_decode)
    chunking = Chunking(cost, attention, max_length=n_ctx, max_step_tokens=512, max_scored_tokens=16)
    return chunking.cut(list(prefilling), num_decoding, is_crowded)


def lengths(chunks: list[Chunk]) -> list[int]:
    return [chunk.num_real_tokens for chunk in chunks]


def seconds(chunks: list[Chunk], seconds_per_work: float = SECONDS_PER_WORK) -> float:
    work = sum(ATTENTION.work(len(chunk.tokens), chunk.start) for chunk in chunks)
    return SECONDS_PER_DECODE + len(chunks) * SECONDS_PER_PASS + work * seconds_per_work


def test_a_step_takes_the_time_that_it_may() -> None:
    chunks = cut([prompt(1000)])
    assert lengths(chunks) == [40]
    assert 0.36 < seconds(chunks) <= 0.41


def test_a_step_may_be_longer_for_the_end_of_a_prompt() -> None:
    chunks = cut([prompt(56)])
    assert lengths(chunks) == [56]
    assert 0.5 < seconds(chunks) <= 1.4 * 0.4
    assert lengths(cut([prompt(68)])) == [40], "not for any"


def test_in_a_crowd_prompts_that_share_a_pass_share_a_longer_step() -> None:
    side_by_side = [prompt(32, slot) for slot in range(5)]
    assert lengths(cut(side_by_side)) == [32]
    crowded = cut(side_by_side, is_crowded=True)
    assert lengths(crowded) == [32] * 4
    assert 1.0 < SECONDS_PER_DECODE + SECONDS_PER_PASS + 4 * 32 * SECONDS_PER_WORK <= 3 * 0.4
    apart = [prompt(32, slot) for slot in (0, 2, 4, 6)]
    assert lengths(cut(apart, is_crowded=True)) == [32], "nothing is spared by these"
    unequal = [prompt(30 + slot, slot) for slot in range(4)]
    assert lengths(cut(unequal, is_crowded=True)) == [30], "nor by these"


def test_a_crowd_does_not_have_steps_take_longer_than_three_times_what_they_should() -> None:
    side_by_side = [prompt(8, slot) for slot in range(16)]
    for seconds_per_decode in (0.02, 0.2, 0.8, 2.0):
        usual, crowded = (
            sum(lengths(cut(side_by_side, seconds_per_decode=seconds_per_decode, is_crowded=is_crowded)))
            for is_crowded in (False, True)
        )
        took = seconds_per_decode + SECONDS_PER_PASS + crowded * SECONDS_PER_WORK
        assert crowded == usual or took <= 3 * 0.4


def test_in_a_crowd_the_prompt_that_has_waited_longest_gets_its_share() -> None:
    chunking = Chunking(learned(), Attention(), max_length=8192, max_step_tokens=512, max_scored_tokens=16)
    long, of_long, of_all = prompt(100_000), 0, 0
    for _ in range(100):
        for chunk in chunking.cut([long, *(prompt(32, slot) for slot in range(2, 7))], 3, is_crowded=True):
            of_all += len(chunk.tokens)
            if chunk.sequence is long:
                of_long += len(chunk.tokens)
                assert long.slot is not None
                long.slot.tokens += chunk.tokens
    assert 0.15 < of_long / of_all < 0.35


def test_a_step_may_be_longer_for_as_many_tokens_as_are_worth_a_pass() -> None:
    faster = 0.0065
    (chunk,) = cut([prompt(1000)], seconds_per_work=faster)
    assert lengths([chunk]) == [64]
    assert 0.4 < seconds([chunk], faster) <= 1.25 * 0.4


def test_the_steps_of_a_long_prompt_are_longer_where_decoding_takes_much_of_them() -> None:
    assert lengths(cut([prompt(1000)], attention=Attention(), seconds_per_decode=0.05)) == [64]
    short = [prompt(24, slot) for slot in (0, 2, 4)]
    assert lengths(cut(short, attention=Attention(), seconds_per_decode=0.05)) == [24, 24], "not others"


def test_a_step_does_not_get_longer_and_longer_on_a_slow_machine() -> None:
    for seconds_per_work, seconds_per_decode in ((0.05, 0.4), (0.03, 0.3), (0.02, 0.1)):
        (chunk,) = cut(
            [prompt(1000)],
            attention=Attention(),
            seconds_per_work=seconds_per_work,
            seconds_per_decode=seconds_per_decode,
        )
        took = seconds_per_decode + SECONDS_PER_PASS + len(chunk.tokens) * seconds_per_work
        assert len(chunk.tokens) == MIN_PREFILL_TOKENS or took <= 3 * 0.4


def test_the_end_of_a_long_prompt_does_not_need_a_step_of_its_own() -> None:
    assert lengths(cut([prompt(90)], attention=Attention(), seconds_per_decode=0.05)) == [90]
    assert lengths(cut([prompt(120)], attention=Attention(), seconds_per_decode=0.05)) == [64]


def test_an_end_is_not_cut_where_there_is_nobody_else() -> None:
    slow = learned(seconds_per_work=0.013)
    for attention, num_padding in ((ATTENTION, 16), (Attention(per_tiled_token=0.0003), 0)):
        chunking = Chunking(slow, attention, max_length=8192, max_step_tokens=512, max_scored_tokens=16)
        (whole,) = chunking.cut([prompt(48, num_computed=750)], num_decoding=0)
        assert (whole.num_real_tokens, whole.num_padding) == (48, num_padding)
        both = chunking.cut([prompt(48, 0, num_computed=750), prompt(300, 1)], num_decoding=0)
        assert lengths(both)[0] < 48
    chunking = Chunking(learned(seconds_per_work=0.1), ATTENTION, 8192, max_step_tokens=512, max_scored_tokens=16)
    assert lengths(chunking.cut([prompt(48, num_computed=750)], 0)) == [16], "a new request would wait for too long"


def test_what_shorter_prompts_leave_goes_to_longer_ones() -> None:
    chunks = cut([prompt(300, 0), prompt(12, 1)], num_decoding=0)
    assert [chunk.slot_index for chunk in chunks] == [1, 0]
    assert lengths(chunks)[0] == 12
    assert 16 <= lengths(chunks)[1] < 48


def test_the_first_prompt_gets_its_share() -> None:
    chunks = cut([prompt(300, 0), prompt(80, 1)], num_decoding=0, seconds_per_work=FAST)
    assert [chunk.slot_index for chunk in chunks] == [1, 0]
    assert all(length >= 12 for length in lengths(chunks))


def test_the_first_prompt_gets_on_in_a_long_context_too() -> None:
    chunking = Chunking(learned(), ATTENTION, max_length=8192, max_step_tokens=512, max_scored_tokens=16)
    first, shorter = prompt(4000, 0, num_computed=2000), prompt(1000, 1, num_computed=2000)
    num_steps = 0
    while shorter.is_prefilling:
        num_steps += 1
        for chunk in chunking.cut([first, shorter], num_decoding=3):
            assert chunk.sequence.slot is not None
            chunk.sequence.slot.tokens += chunk.tokens[: chunk.num_real_tokens]
    num_of_first = 4000 - first.num_uncomputed_tokens
    assert 200 <= num_of_first <= 1000, "a part of the time, and not the larger one"
    assert num_steps < 40


def test_equal_prompts_side_by_side_share_a_pass() -> None:
    beside = cut([prompt(13, 2), prompt(13, 0), prompt(13, 1)], num_decoding=0)
    apart = cut([prompt(13, slot) for slot in (3, 0, 5, 7, 9, 11)], num_decoding=0)
    assert [chunk.slot_index for chunk in beside] == [2, 1, 0]
    assert sum(lengths(beside)) == 39
    assert len(apart) < 6, "each pass is paid for"


def test_of_equal_prompts_the_first_goes_first_and_nobody_gets_a_crumb() -> None:
    first, *others = [prompt(24, slot) for slot in (1, 0, 2, 3, 4, 5)]
    assert [chunk.slot_index for chunk in cut([first, *others])] == [1, 0]
    for num_decoding in range(4):
        for num_others in range(1, 6):
            chunks = cut([first, *others[:num_others]], num_decoding, seconds_per_work=FAST)
            assert set(lengths(chunks)) == {24}


def test_crumbs_are_left_for_the_next_step() -> None:
    chunks = cut([prompt(30, 0), prompt(200, 2)])
    assert lengths(chunks) == [30], "for the rest of the step, a second pass would bring next to nothing"


def test_a_whole_tile_is_computed_where_less_would_not_be_faster() -> None:
    (chunk,) = cut([prompt(1000, num_computed=1500)])
    assert (chunk.num_real_tokens, chunk.num_padding) == (64, 0)
    assert 0.4 < seconds([chunk]) <= 0.85


def test_a_tile_that_hardly_exceeds_the_step_is_not_cut() -> None:
    (chunk,) = cut([prompt(1000, num_computed=100)], num_decoding=0)
    assert lengths([chunk]) == [64]
    assert ATTENTION.work(64, 100) > learned().prompt_work(0) > ATTENTION.work(48, 100)


def test_the_end_of_a_prompt_is_padded_to_a_tile_where_that_is_faster() -> None:
    (chunk,) = cut([prompt(50, num_computed=3000)], num_decoding=0)
    assert (chunk.num_real_tokens, chunk.num_padding, chunk.num_logits) == (50, 14, 1)
    assert chunk.tokens[:50] == chunk.sequence.tokens[3000:]
    (chunk,) = cut([prompt(50)], num_decoding=0)
    assert chunk.num_padding == 0


def test_there_is_no_padding_where_the_context_ends_or_cannot_be_cut() -> None:
    for n_ctx in (3060, 0):
        (chunk,) = cut([prompt(50, num_computed=3000)], num_decoding=0, n_ctx=n_ctx)
        assert chunk.num_padding == 0
    (chunk,) = cut([prompt(50, num_computed=3000)], num_decoding=0, n_ctx=3064)
    assert chunk.num_padding == 14


def test_prompts_that_are_scored_get_few_logits_and_no_padding() -> None:
    (chunk,) = cut([prompt(50, num_computed=3000, is_scored=True)], num_decoding=0)
    assert (chunk.num_logits, chunk.num_padding) == (16, 0)


def test_where_attention_costs_nothing_chunks_are_as_long_as_fits() -> None:
    (chunk,) = cut([prompt(1000, num_computed=3000)], attention=Attention())
    assert lengths([chunk]) == [40]
