"""How the next token is chosen, as a request of any endpoint that generates says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

from schemas.fields.base import (
    Array,
    Integer,
    Number,
    RequestSchema,
    StrictField,
    Text,
    as_object,
    check_length,
    invalid,
    shown,
    wrong_type,
)
from schemas.fields.json_schema import Definitions, JSONSchema

MAX_TOKEN_ID = 2**31 - 1
MAX_LOGIT_BIASES = 10_000
MAX_LOGIT_BIAS = 100

WHOLE_CONTEXT = MAX_TOKEN_ID
"""Tokens, more than any context has; clients of llama-server say -1."""

MAX_BREAKERS = 16
MAX_BREAKER_BYTES = 40
"""Bytes of a sequence breaker; llama.cpp cuts longer ones off."""


@dataclass(frozen=True)
class SamplingOptions:
    """Sampling params that were given. None is "not given": the model's own default applies."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    """0 is off."""
    min_p: float | None = None
    typical_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    penalty_last_n: int | None = None
    """Last tokens that the penalties look at; 0 is off."""
    dry_multiplier: float | None = None
    """Strength of DRY. 0 is off, as for each number below that says nothing else."""
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_penalty_last_n: int | None = None
    dry_sequence_breakers: list[str] | None = None
    top_n_sigma: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    """Above 0.5 is off."""
    dynatemp_range: float | None = None
    dynatemp_exponent: float | None = None
    mirostat: int | None = None
    """Version of mirostat; 0 is off."""
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    logit_bias: dict[int, float] | None = None
    """What is added to logits, by token id."""
    seed: int | None = None


SAMPLING_NAMES = frozenset(field.name for field in dataclass_fields(SamplingOptions))


class LogitBias(StrictField[dict[int, float]]):
    """An object with what is added to logits, by token ids as strings."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[int, float]:
        biases = as_object(value)
        check_length(biases, 0, MAX_LOGIT_BIASES)
        return {_token_id(key): _bias(key, bias) for key, bias in biases.items()}

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {
            "type": "object",
            "propertyNames": {"pattern": "^[0-9]{1,10}$"},
            "additionalProperties": {"type": "number", "minimum": -MAX_LOGIT_BIAS, "maximum": MAX_LOGIT_BIAS},
            "maxProperties": MAX_LOGIT_BIASES,
        }


def _token_id(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) <= 10 and int(key) <= MAX_TOKEN_ID):
        raise invalid(f"must have token ids as its keys, got {shown(key)}")
    return int(key)


def _bias(key: str, bias: object) -> float:
    if type(bias) is not int and type(bias) is not float:
        raise wrong_type(f"a number for the token {key}", bias)
    if not -MAX_LOGIT_BIAS <= bias <= MAX_LOGIT_BIAS:
        raise invalid(f"must be between {-MAX_LOGIT_BIAS} and {MAX_LOGIT_BIAS} for the token {key}, got {shown(bias)}")
    return float(bias)


class Breaker(Text):
    """A text at which DRY begins to look for repetitions anew."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        breaker = super()._deserialize(value, attr, data, **kwargs)
        if len(breaker.encode()) > MAX_BREAKER_BYTES:
            raise invalid(f"must have at most {MAX_BREAKER_BYTES} bytes, got {len(breaker.encode())}")
        return breaker

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        # No character has less than a byte; JSON Schema counts characters.
        return {**super().json_schema(definitions), "maxLength": MAX_BREAKER_BYTES}


class SamplingSchema(RequestSchema):
    """OpenAI's sampling parameters and llama.cpp's. The bounds keep llama.cpp's 32-bit floats finite."""

    temperature = Number(0, 2)
    top_p = Number(0, 1)
    top_k = Integer(-1, MAX_TOKEN_ID)
    """Many clients send -1 for "off", which is 0 here."""
    min_p = Number(0, 1)
    typical_p = Number(0, 1, is_minimum_excluded=True)
    presence_penalty = Number(-2, 2)
    frequency_penalty = Number(-2, 2)
    repeat_penalty = Number(0.01, 100)
    repetition_penalty = Number(0.01, 100)
    """vLLM's name of `repeat_penalty`, which wins when both are given."""
    repeat_last_n = Integer(-1, MAX_TOKEN_ID)
    dry_multiplier = Number(0, 100)
    dry_base = Number(1, 100)
    dry_allowed_length = Integer(0, MAX_TOKEN_ID)
    dry_penalty_last_n = Integer(-1, MAX_TOKEN_ID)
    dry_sequence_breakers = Array(Breaker(may_be_empty=False), min_items=1, max_items=MAX_BREAKERS)
    top_n_sigma = Number(-1, 100)
    """Many clients send -1 for "off", as for `top_k`."""
    xtc_probability = Number(0, 1)
    xtc_threshold = Number(0, 1)
    dynatemp_range = Number(0, 2)
    dynatemp_exponent = Number(0, 10)
    mirostat = Integer(0, 2)
    mirostat_tau = Number(0, 100)
    mirostat_eta = Number(0, 1)
    logit_bias = LogitBias()
    seed = Integer(-(2**63), 2**63 - 1)


def sampling_options(loaded: Mapping[str, Any]) -> SamplingOptions:
    """The sampling params among the loaded fields of a request."""
    given = {name: loaded[name] for name in SAMPLING_NAMES & loaded.keys()}
    if "repetition_penalty" in loaded:
        given.setdefault("repeat_penalty", loaded["repetition_penalty"])
    if "repeat_last_n" in loaded:
        given["penalty_last_n"] = loaded["repeat_last_n"]
    for name, meant in (("top_k", 0), ("penalty_last_n", WHOLE_CONTEXT), ("dry_penalty_last_n", WHOLE_CONTEXT)):
        if given.get(name) == -1:
            given[name] = meant
    return SamplingOptions(**given)
