"""Runs of tokens that share a prefix with a prompt are found, and the longest is."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from server.engine.kv.prefix_index import BLOCK_TOKENS, PrefixIndex, common_prefix_length


@dataclass(eq=False)
class Run:
    tokens: array[int]
    scope: str = ""


def run_of(*pieces: tuple[int, int], scope: str = "") -> Run:
    """Tokens as pieces of (token, how often)."""
    return Run(array("i", [token for token, length in pieces for _ in range(length)]), scope)


def index_of(*runs: Run, is_whole_only: bool = False) -> PrefixIndex[Run]:
    index: PrefixIndex[Run] = PrefixIndex(is_whole_only)
    for run in runs:
        index.add(run)
    return index


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_the_common_prefix_is_found(left: list[int], right: list[int]) -> None:
    expected = next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))  # noqa: B905
    assert common_prefix_length(left, right) == expected


def test_the_longest_prefix_is_found_to_the_token() -> None:
    short, long, other = run_of((1, 100)), run_of((1, 150), (2, 50)), run_of((3, 200))
    index = index_of(short, long, other)
    assert index.find(run_of((1, 150), (2, 3), (7, 99)).tokens, "") == (long, 153)
    assert index.find(run_of((3, BLOCK_TOKENS - 1)).tokens, "") is None
    assert index.find(run_of((9, 500)).tokens, "") is None


def test_another_scope_finds_nothing() -> None:
    assert index_of(run_of((1, 100), scope="a")).find(run_of((1, 100)).tokens, "b") is None


def test_what_was_removed_is_not_found() -> None:
    one, two = run_of((1, 200)), run_of((1, 200))
    index = index_of(one, two)
    index.remove(two)
    assert index.find(one.tokens, "") == (one, 200)
    index.remove(one)
    assert index.find(one.tokens, "") is None


def test_of_states_that_cannot_be_cut_only_whole_prefixes_are_found() -> None:
    short, long = run_of((1, 100)), run_of((1, 200))
    index = index_of(short, long, is_whole_only=True)
    assert index.find(run_of((1, 199)).tokens, "") == (short, 100)
    assert index.find(run_of((1, 201)).tokens, "") == (long, 200)
    assert index.find(run_of((1, 99)).tokens, "") is None


def test_prefixes_of_a_run_are_known() -> None:
    short, whole, other = run_of((1, 100)), run_of((1, 200), (2, 100)), run_of((1, 100), (3, 100))
    index = index_of(short, whole, other)
    assert index.prefixes_of(whole) == [short]
    assert index.prefixes_of(short) == []


@given(st.lists(st.lists(st.integers(0, 1), max_size=6), max_size=6), st.lists(st.integers(0, 1), max_size=6))
def test_whatever_is_in_it_the_best_is_found_within_a_block(runs: list[list[int]], prompt: list[int]) -> None:
    blocks = [run_of(*((token, 40) for token in tokens)) for tokens in runs]
    tokens = run_of(*((token, 40) for token in prompt)).tokens
    best = max((common_prefix_length(run.tokens, tokens) for run in blocks), default=0)
    found = index_of(*blocks).find(tokens, "")
    assert (found is None) == (best < BLOCK_TOKENS)
    assert found is None or found[1] == best
