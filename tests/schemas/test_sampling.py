from __future__ import annotations

from typing import Any

import pytest

from schemas.chat_completions import load_chat_completion
from schemas.completions import load_completion
from schemas.fields.errors import SchemaError
from schemas.sampling import MAX_LOGIT_BIASES, WHOLE_CONTEXT, SamplingOptions

BOUNDS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "repeat_penalty": (0.01, 100),
    "dry_multiplier": (0, 100),
    "dry_base": (1, 100),
    "dry_allowed_length": (0, 2**31 - 1),
    "dry_penalty_last_n": (0, 2**31 - 1),
    "top_n_sigma": (-1, 100),
    "xtc_probability": (0, 1),
    "xtc_threshold": (0, 1),
    "dynatemp_range": (0, 2),
    "dynatemp_exponent": (0, 10),
    "mirostat": (0, 2),
    "mirostat_tau": (0, 100),
    "mirostat_eta": (0, 1),
    "seed": (-(2**63), 2**63 - 1),
    "top_k": (0, 2**31 - 1),
}


def options(**fields: Any) -> SamplingOptions:
    """The same fields through both endpoints."""
    chat = load_chat_completion({"messages": [{"role": "user", "content": "hi"}], **fields}).sampling
    assert load_completion({"prompt": "hi", **fields}).sampling == chat
    return chat


def refusal(**fields: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        options(**fields)
    return caught.value


def test_what_is_not_given_is_none() -> None:
    assert options() == SamplingOptions()
    assert set(vars(SamplingOptions()).values()) == {None}


@pytest.mark.parametrize("name", [*vars(SamplingOptions()), "repetition_penalty"])
def test_null_means_not_given(name: str) -> None:
    assert options(**{name: None}) == SamplingOptions()


@pytest.mark.parametrize(("name", "bounds"), BOUNDS.items())
def test_the_bounds_themselves_are_accepted(name: str, bounds: tuple[float, float]) -> None:
    for bound in bounds:
        assert getattr(options(**{name: bound}), name) == bound


@pytest.mark.parametrize(("name", "bounds"), BOUNDS.items())
def test_what_is_out_of_bounds_is_named_with_bounds_and_value(name: str, bounds: tuple[float, float]) -> None:
    for bad in (bounds[0] - 2, bounds[1] + 2):
        error = refusal(**{name: bad})
        assert error.param == name
        assert error.code == "invalid_value"
        assert name in error.message
        assert f"{bounds[1]:g}" in error.message or str(bounds[1]) in error.message


@pytest.mark.parametrize("name", [*BOUNDS, "typical_p", "repetition_penalty"])
@pytest.mark.parametrize("value", ["1", True, [], {}])
def test_numbers_are_not_made_from_other_types(name: str, value: object) -> None:
    error = refusal(**{name: value})
    assert (error.param, error.code) == (name, "invalid_type")


@pytest.mark.parametrize("name", ["seed", "top_k"])
@pytest.mark.parametrize("value", [1.0, 1.5, 1e30])
def test_integers_are_written_as_integers(name: str, value: float) -> None:
    assert refusal(**{name: value}).message == f"'{name}' must be an integer, got {value}."


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300, 10**400])
def test_numbers_that_are_not_finite_or_huge_are_out_of_bounds(value: float) -> None:
    for name in BOUNDS:
        assert refusal(**{name: value}).param == name


def test_a_huge_integer_is_not_written_out() -> None:
    assert refusal(seed=10**5000).message.endswith("got an integer of 16610 bits.")


def test_zero_is_a_top_p_but_no_typical_p() -> None:
    assert options(top_p=0).top_p == 0
    assert refusal(typical_p=0).message == "'typical_p' must be greater than 0 and at most 1, got 0."


def test_numbers_come_out_as_floats() -> None:
    assert isinstance(options(temperature=1).temperature, float)


def test_a_top_k_of_minus_one_is_off_as_zero_is() -> None:
    assert options(top_k=-1).top_k == 0
    assert refusal(top_k=-2).param == "top_k"


def test_repetition_penalty_is_another_name_of_repeat_penalty() -> None:
    assert options(repetition_penalty=1.1).repeat_penalty == 1.1
    assert options(repetition_penalty=1.1, repeat_penalty=1.2).repeat_penalty == 1.2


def test_the_penalties_look_at_the_last_tokens_or_at_all_of_them() -> None:
    assert options(repeat_last_n=0).penalty_last_n == 0
    assert options(repeat_last_n=-1).penalty_last_n == WHOLE_CONTEXT
    assert options(dry_penalty_last_n=-1).dry_penalty_last_n == WHOLE_CONTEXT
    assert refusal(repeat_last_n=-2).param == "repeat_last_n"


def test_sequence_breakers_are_short_texts() -> None:
    assert options(dry_sequence_breakers=["\n", "END"]).dry_sequence_breakers == ["\n", "END"]
    for bad in ([], [""], ["x" * 41], ["\N{GREEK SMALL LETTER OMEGA}" * 21], "\n", [1], ["a"] * 17):
        assert (refusal(dry_sequence_breakers=bad).param or "").startswith("dry_sequence_breakers")


def test_logit_bias_is_by_token_id() -> None:
    assert options(logit_bias={"5": 100, "2147483647": -1.5}).logit_bias == {5: 100.0, 2147483647: -1.5}
    assert options(logit_bias={}).logit_bias == {}


@pytest.mark.parametrize("key", ["", "a", "-1", "1.5", " 1", "2147483648", "9" * 5000, "\N{ARABIC-INDIC DIGIT ONE}"])
def test_a_logit_bias_key_that_is_no_token_id_is_refused(key: str) -> None:
    error = refusal(logit_bias={key: 1})
    assert error.param == "logit_bias"
    assert len(error.message) < 200


@pytest.mark.parametrize("bias", [101, -100.1, "1", None, True, []])
def test_a_logit_bias_out_of_bounds_is_refused_with_its_token(bias: object) -> None:
    error = refusal(logit_bias={"7": bias})
    assert error.param == "logit_bias"
    assert "token 7" in error.message


def test_too_many_logit_biases_are_refused() -> None:
    error = refusal(logit_bias={str(token): 1 for token in range(MAX_LOGIT_BIASES + 1)})
    assert error.message == "'logit_bias' must have at most 10000 items, got 10001."
