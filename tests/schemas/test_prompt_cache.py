"""What chat completions and responses may say about the cache of their prompt."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.chat_completions import load_chat_completion
from schemas.fields.errors import SchemaError
from schemas.prompt_cache import PromptCache
from schemas.responses import load_response

MESSAGE = {"role": "user", "content": "Hi"}


def load_both(**fields: Any) -> list[PromptCache]:
    chat = load_chat_completion({"messages": [MESSAGE], **fields})
    return [chat.prompt_cache, load_response({"input": "Hi", **fields}).prompt_cache]


def test_hints_are_read() -> None:
    assert load_both() == [PromptCache()] * 2
    wanted = PromptCache("app", "24h")
    assert load_both(prompt_cache_key="app", prompt_cache_retention="24h") == [wanted] * 2


def test_the_older_spelling_means_the_same() -> None:
    assert load_both(prompt_cache_retention="in-memory") == load_both(prompt_cache_retention="in_memory")


@pytest.mark.parametrize(("name", "value"), [("prompt_cache_key", 1), ("prompt_cache_retention", "for ever")])
def test_what_is_no_hint_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SchemaError) as problem:
        load_both(**{name: value})
    assert problem.value.param == name
