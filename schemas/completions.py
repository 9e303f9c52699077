"""The body of POST /v1/completions as a `CompletionRequest`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import validates_schema

from schemas.fields.base import Boolean, Integer, StrictField, Text, at, check_length, invalid, shown, wrong_type
from schemas.fields.json_schema import Definitions, JSONSchema, any_of
from schemas.generation import (
    MAX_CHOICES,
    MAX_TOP_LOGPROBS,
    GenerationSchema,
    TokenLimit,
    generation_options,
    load_fields,
)
from schemas.sampling import MAX_TOKEN_ID, SamplingOptions
from schemas.structured_output import OutputFormat

MAX_PROMPTS = 256
MAX_CHOICES_IN_ALL = 1024
"""Choices over all prompts; each is a sequence to the engine."""

DEFAULT_MAX_TOKENS = 16
"""Tokens per choice where the request does not say; OpenAI has this default for this endpoint only."""

Prompt = str | list[int]
"""Text, or token ids to be taken as they are."""


@dataclass(frozen=True)
class CompletionRequest:
    """Texts to be continued, each `n` times."""

    prompts: tuple[Prompt, ...]
    model: str | None = None
    """None is the default model."""
    suffix: str | None = None
    """Text after the gap that is to be filled."""
    echo: bool = False
    """Answer with the prompt before the completion."""
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    max_tokens: int = DEFAULT_MAX_TOKENS
    """Tokens per choice; 0 only with `echo`."""
    stop: tuple[str, ...] = ()
    n: int = 1
    best_of: int = 1
    """Choices that are made; the `n` likeliest of them are the answer. Never less than `n`."""
    stream: bool = False
    include_usage: bool = False
    """Send a last chunk with the usage; only ever true of a stream."""
    num_top_logprobs: int | None = None
    """Likeliest tokens beside the chosen one that have a logprob, as the engine counts; None is no logprobs."""
    ignore_eos: bool = False
    output_format: OutputFormat | None = None
    """What the text has to be; None is any text."""
    user: str | None = None

    @property
    def wants_prompt_logprobs(self) -> bool:
        return self.echo and self.num_top_logprobs is not None


TOKEN_IDS: JSONSchema = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN_ID},
    "minItems": 1,
}
"""JSON Schema of an array that `load_token_ids` takes."""


class Prompts(StrictField[tuple[Prompt, ...]]):
    """A string, an array of strings, an array of token ids, or an array of such arrays; always several prompts here.

    OpenAI begins a new document where there is no prompt at all. A missing prompt is far more often a mistake in the
    client, and other models' documents begin in other ways, so here it is required; "" asks for the same.
    """

    _text = Text()

    def __init__(self, *, required: bool = False, max_prompts: int = MAX_PROMPTS) -> None:
        super().__init__(required=required)
        self.max_prompts = max_prompts

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Prompt, ...]:
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            raise wrong_type("a string, an array of strings, or token ids", value)
        check_length(value, 1, None)
        if type(value[0]) is int:
            return (load_token_ids(value),)
        check_length(value, 1, self.max_prompts)
        return tuple(self._each(value))

    def _each(self, prompts: list[Any]) -> Iterator[Prompt]:
        load = load_token_ids if isinstance(prompts[0], list) else self._text.load
        for index, prompt in enumerate(prompts):
            with at(index):
                yield load(prompt)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        text = self._text.json_schema(definitions)
        several = {"type": "array", "minItems": 1, "maxItems": self.max_prompts}
        return any_of(text, TOKEN_IDS, {**several, "items": text}, {**several, "items": TOKEN_IDS})


def load_token_ids(value: Any) -> list[int]:
    """The ids of an array that is not empty, checked without a Python step for each: prompts have many."""
    if not isinstance(value, list):
        raise wrong_type("an array of token ids, as the first one is", value)
    check_length(value, 1, None)
    if set(map(type, value)) != {int}:
        index = next(index for index, token in enumerate(value) if type(token) is not int)
        with at(index):
            raise wrong_type("a token id, as the first one is", value[index])
    for token in (min(value), max(value)):
        if not 0 <= token <= MAX_TOKEN_ID:
            raise invalid(f"must have token ids between 0 and {MAX_TOKEN_ID}, got {shown(token)}")
    return value


class CompletionSchema(GenerationSchema):
    """Texts that are to be continued."""

    prompt = Prompts(required=True)
    suffix = Text()
    echo = Boolean()
    logprobs = Integer(0, MAX_TOP_LOGPROBS)
    """Likeliest tokens beside the chosen one; OpenAI accepts 5 at most."""

    best_of = Integer(1, MAX_CHOICES)
    max_tokens = TokenLimit(0)

    @validates_schema
    def _bounded_in_all(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        name = "best_of" if "best_of" in data else "n"
        num_choices = len(data.get("prompt", ())) * data.get(name, 1)
        if num_choices > MAX_CHOICES_IN_ALL:
            raise invalid(
                f"makes {num_choices} choices over all prompts, at most {MAX_CHOICES_IN_ALL} are accepted", name
            )

    @validates_schema
    def _best_of_n_at_least(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        best_of, n = data.get("best_of"), data.get("n", 1)
        if best_of is not None and best_of < n:
            raise invalid(f"must be {n} at least, as many as 'n', got {best_of}", "best_of")
        if best_of is not None and best_of > n and data.get("stream"):
            raise invalid("is not possible in a stream: which are the best shows when all have ended", "best_of")

    @validates_schema
    def _gaps_are_in_texts(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if data.get("suffix") and any(isinstance(prompt, list) for prompt in data.get("prompt", ())):
            raise invalid("is only possible with prompts that are texts, not token ids", "suffix")

    @validates_schema
    def _something_to_answer(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if data.get("max_tokens") == 0 and not data.get("echo"):
            raise invalid("must be 1 at least unless 'echo' is true, got 0", "max_tokens")


SCHEMA = CompletionSchema()


def load_completion(body: Mapping[str, Any]) -> CompletionRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    return _request(load_fields(SCHEMA, "completions", body))


def _request(loaded: Mapping[str, Any]) -> CompletionRequest:
    return CompletionRequest(
        prompts=loaded["prompt"],
        # An empty suffix is what clients send for none.
        suffix=loaded.get("suffix") or None,
        echo=loaded.get("echo", False),
        best_of=loaded.get("best_of", loaded.get("n", 1)),
        num_top_logprobs=loaded.get("logprobs"),
        **generation_options(loaded),
    )
