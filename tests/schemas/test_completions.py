from __future__ import annotations

from typing import Any

import pytest

from schemas.completions import MAX_PROMPTS, CompletionRequest, load_completion
from schemas.fields.errors import SchemaError


def load(prompt: Any = "hi", **fields: Any) -> CompletionRequest:
    return load_completion({"prompt": prompt, **fields})


def refusal(prompt: Any = "hi", **fields: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        load(prompt, **fields)
    return caught.value


def test_the_smallest_request_has_only_a_prompt() -> None:
    assert load() == CompletionRequest(prompts=("hi",), max_tokens=16)


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("", ("",)),
        ("hi", ("hi",)),
        (["hi"], ("hi",)),
        (["hi", ""], ("hi", "")),
        ([1, 2], ([1, 2],)),
        ([[1, 2]], ([1, 2],)),
        ([[1, 2], [3]], ([1, 2], [3])),
        ([0, 2**31 - 1], ([0, 2**31 - 1],)),
    ],
)
def test_every_form_of_prompt_becomes_several_prompts(prompt: object, prompts: tuple[Any, ...]) -> None:
    assert load(prompt).prompts == prompts


@pytest.mark.parametrize(
    ("prompt", "param"),
    [
        (5, "prompt"),
        (True, "prompt"),
        ({}, "prompt"),
        ([], "prompt"),
        ([[]], "prompt[0]"),
        ([None], "prompt[0]"),
        ([True], "prompt[0]"),
        ([1.0], "prompt[0]"),
        ([{}], "prompt[0]"),
        (["a", 1], "prompt[1]"),
        (["a", [1]], "prompt[1]"),
        ([1, 2, "a"], "prompt[2]"),
        ([1, True], "prompt[1]"),
        ([[1], "a"], "prompt[1]"),
        ([[1], []], "prompt[1]"),
        ([[1], [1, "a"]], "prompt[1][1]"),
        ([-1], "prompt"),
        ([[1], [2**31]], "prompt[1]"),
        (["a"] * (MAX_PROMPTS + 1), "prompt"),
    ],
)
def test_a_bad_prompt_is_named_with_its_place(prompt: object, param: str) -> None:
    assert refusal(prompt).param == param


@pytest.mark.parametrize("body", [{}, {"prompt": None}])
def test_a_prompt_is_required(body: dict[str, Any]) -> None:
    with pytest.raises(SchemaError) as caught:
        load_completion(body)
    assert (caught.value.param, caught.value.code) == ("prompt", "missing_required_parameter")


def test_a_long_prompt_of_token_ids_is_no_long_array_of_prompts() -> None:
    assert len(load(list(range(100_000))).prompts[0]) == 100_000


def test_the_fields_of_completions_arrive() -> None:
    wanted = load(suffix="end", echo=True, max_tokens=5)
    assert (wanted.suffix, wanted.echo, wanted.max_tokens) == ("end", True, 5)


def test_an_empty_suffix_is_none() -> None:
    assert load(suffix="").suffix is None


@pytest.mark.parametrize("prompt", [[1, 2], [[1, 2], [3]]])
def test_a_gap_is_in_a_text(prompt: object) -> None:
    assert load(prompt, suffix="").suffix is None
    assert refusal(prompt, suffix="end").param == "suffix"


@pytest.mark.parametrize(("name", "value"), [("suffix", 5), ("suffix", []), ("echo", "yes"), ("echo", 1)])
def test_types_are_strict(name: str, value: object) -> None:
    assert refusal(**{name: value}).param == name


@pytest.mark.parametrize("logprobs", [0, 5, 20])
def test_logprobs_is_a_count_here(logprobs: int) -> None:
    assert load().num_top_logprobs is None
    assert load(logprobs=logprobs).num_top_logprobs == logprobs


@pytest.mark.parametrize("logprobs", [-1, 21, True, "1", 1.0])
def test_logprobs_are_twenty_at_most(logprobs: object) -> None:
    assert refusal(logprobs=logprobs).param == "logprobs"


def test_logprobs_of_the_prompt_are_wanted_where_it_is_echoed_with_logprobs() -> None:
    assert load(echo=True, logprobs=0).wants_prompt_logprobs
    assert not load(echo=True).wants_prompt_logprobs
    assert not load(logprobs=5).wants_prompt_logprobs


def test_no_tokens_may_be_asked_for_where_the_prompt_is_echoed() -> None:
    assert load(echo=True, max_tokens=0).max_tokens == 0
    assert refusal(max_tokens=0).param == "max_tokens"
    assert refusal(max_tokens=-2, echo=True).param == "max_tokens"


def test_best_of_is_n_at_least() -> None:
    assert load(best_of=1) == load()
    assert load(n=3).best_of == 3
    assert (load(best_of=5, n=3).best_of, load(best_of=5, n=3).n) == (5, 3)
    for best_of in (2, 0, 129, True, "1", 1.0):
        assert refusal(best_of=best_of, n=3).param == "best_of"


def test_the_best_of_several_cannot_be_streamed() -> None:
    assert load(best_of=3, n=3, stream=True).best_of == 3
    assert refusal(best_of=3, n=2, stream=True).param == "best_of"


def test_choices_over_all_prompts_are_bounded() -> None:
    assert load_completion({"prompt": ["a"] * 8, "n": 128}).n == 128
    with pytest.raises(SchemaError) as caught:
        load_completion({"prompt": ["a"] * 9, "n": 128})
    assert caught.value.param == "n"
    with pytest.raises(SchemaError) as caught:
        load_completion({"prompt": ["a"] * 9, "best_of": 128})
    assert caught.value.param == "best_of"
