"""The notes of the coverage table that name numbers, held against what is accepted and what it does.

The numbers are read from the notes, so that a note and the schema cannot come apart.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from schemas.chat_completions import load_chat_completion
from schemas.coverage.rows import Parameter
from schemas.coverage.table import PARAMETERS
from schemas.fields.errors import SchemaError
from schemas.sampling import SAMPLING_NAMES
from server.engine.kv.store import KEPT_LONGER_SECONDS
from server.engine.sampling import dry
from server.engine.sampling.sampler import Sampler
from server.protocol.values import SamplingParams
from tests.schemas.coverage.test_table import BASES, CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, only

NUMBER = r"(-?\d[\d.]*)"
RANGE = re.compile(rf"(above )?{NUMBER},? (?:up )?to {NUMBER}")
LENGTH = re.compile(r"\bup to (\d+)")
DEFAULT = re.compile(rf"{NUMBER} by default")
OFF = re.compile(rf"(above )?{NUMBER}(?: or {NUMBER})? is off")

COUNTS = ("top_logprobs", "logprobs")
OUR_NAMES = {"repeat_last_n": "penalty_last_n", "repetition_penalty": "repeat_penalty"}

TOOL = {"type": "function", "function": {"name": "f"}}
LONG_LISTS: dict[str, Any] = {
    "stop": lambda length: [str(number) for number in range(length)],
    "tools": lambda length: [{**TOOL, "function": {"name": f"f{number}"}} for number in range(length)],
    "dry_sequence_breakers": lambda length: [str(number) for number in range(length)],
    "input": lambda length: ["x"] * length,
    "best_of": lambda length: length,
}
"""By parameter, the value that is as long, or as great, as a note says."""

NEEDED: dict[tuple[str, str], dict[str, Any]] = {
    (CHAT, "top_logprobs"): {"logprobs": True},
    (RESPONSES, "top_logprobs"): {"include": ["message.output_text.logprobs"]},
}
"""What has to be asked for along with a parameter."""


def noted(pattern: re.Pattern[str]) -> list[Any]:
    """Parameters that are honoured, with what such a note says of them."""
    return [
        pytest.param(endpoint, row, match, id=f"{endpoint} {row.name}")
        for endpoint, table in PARAMETERS.items()
        for row in table
        if row.status == "done" and (match := pattern.search(row.note))
    ]


def sent(endpoint: str, row: Parameter, value: Any) -> object:
    outer, _, inner = row.name.partition(".")
    given = {"5": value} if row.name == "logit_bias" else value
    return only(endpoint, {**NEEDED.get((endpoint, row.name), {}), outer: {inner: given} if inner else given})


def refused(endpoint: str, row: Parameter, value: Any) -> None:
    with pytest.raises(SchemaError) as caught:
        sent(endpoint, row, value)
    assert caught.value.param is not None
    assert caught.value.param.startswith(row.name)


def params(**fields: Any) -> SamplingParams:
    """What the engine gets of a request's fields."""
    given = load_chat_completion({**BASES[CHAT], **fields}).sampling
    return SamplingParams(**{name: value for name, value in vars(given).items() if value is not None})


def note_of(endpoint: str, name: str) -> str:
    (row,) = (row for row in PARAMETERS[endpoint] if row.name == name)
    return row.note


# --- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("endpoint", "row", "match"), noted(RANGE))
def test_the_bounds_of_a_note_are_those_that_are_kept(endpoint: str, row: Parameter, match: re.Match[str]) -> None:
    is_open, low, high = match[1] is not None, float(match[2]), float(match[3])
    step = 1 if row.name in COUNTS else 0.001
    read = int if row.name in COUNTS else float
    sent(endpoint, row, read(high))
    refused(endpoint, row, read(high + step))
    if is_open:
        refused(endpoint, row, read(low))
        sent(endpoint, row, read(low + step))
    else:
        sent(endpoint, row, read(low))
        refused(endpoint, row, read(low - step))


@pytest.mark.parametrize(
    ("endpoint", "row", "match"), [one for one in noted(LENGTH) if one.values[1].name in LONG_LISTS]
)
def test_as_many_as_a_note_says_are_taken_and_one_more_is_not(
    endpoint: str, row: Parameter, match: re.Match[str]
) -> None:
    longest = int(match[1])
    value_of = LONG_LISTS[row.name]
    sent(endpoint, row, value_of(longest))
    refused(endpoint, row, value_of(longest + 1))


def test_these_rules_see_the_notes() -> None:
    ranges = {one.values[1].name for one in noted(RANGE)}
    assert {"temperature", "logit_bias", "typical_p", "top_logprobs", "mirostat_eta"} <= ranges
    lengths = {(one.values[0], one.values[1].name) for one in noted(LENGTH)}
    assert {(COMPLETIONS, "best_of"), (EMBEDDINGS, "input"), (CHAT, "tools"), (RESPONSES, "stop")} <= lengths


# --- defaults and what is off ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "row", "match"),
    [one for one in noted(DEFAULT) if OUR_NAMES.get(one.values[1].name, one.values[1].name) in SAMPLING_NAMES],
)
def test_a_default_of_a_note_is_the_engines(endpoint: str, row: Parameter, match: re.Match[str]) -> None:
    assert getattr(SamplingParams(), OUR_NAMES.get(row.name, row.name)) == float(match[1])


def test_the_breakers_of_the_note_are_the_engines() -> None:
    noted_breakers = re.findall(r'"(\\n|.)"', note_of(CHAT, "dry_sequence_breakers"))
    assert tuple(text.replace("\\n", "\n") for text in noted_breakers) == SamplingParams().dry_sequence_breakers


@pytest.mark.parametrize(("endpoint", "row", "match"), noted(OFF))
def test_what_a_note_calls_off_has_no_effect(endpoint: str, row: Parameter, match: re.Match[str]) -> None:
    given = [float(text) + (0.001 if match[1] else 0) for text in match.groups()[1:] if text]
    rest: dict[str, Any] = {"xtc_probability": 1} if row.name == "xtc_threshold" else {}
    for value in given:
        sent(endpoint, row, value if value % 1 else int(value))
        off = params(seed=1, **{row.name: value if value % 1 else int(value), **rest})
        assert drawn(off) == drawn(params(seed=1))
        assert not dry.is_dry(off)


def drawn(given: SamplingParams) -> list[int]:
    """Tokens that follow a repetition, where many tokens are likely."""
    sampler = Sampler(given)
    generator = np.random.default_rng(7)
    history = [1, 2, 3, 4] * 8
    return [sampler.sample(generator.normal(scale=2, size=64).astype(np.float32), history) for _ in range(60)]


@pytest.mark.parametrize("name", ["repeat_last_n", "dry_penalty_last_n"])
def test_minus_one_is_all_tokens(name: str) -> None:
    notes = {row.note for table in PARAMETERS.values() for row in table if row.name == name}
    assert all(note.endswith("-1 is all") for note in notes)
    assert notes
    assert getattr(params(**{name: -1}), OUR_NAMES.get(name, name)) > 2**30


@pytest.mark.parametrize("endpoint", [CHAT, RESPONSES])
def test_a_prompt_cache_key_keeps_for_ten_minutes_what_was_computed(endpoint: str) -> None:
    assert "ten minutes longer" in note_of(endpoint, "prompt_cache_key")
    assert KEPT_LONGER_SECONDS == 10 * 60
