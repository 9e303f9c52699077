"""`/v1/prompts`: saved prompts and their versions, which are not in OpenAI's API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt with the text of one version, the newest unless another was asked for."""

    id: str
    object: Literal["prompt"] = "prompt"
    name: str
    text: str
    variables: Sequence[str]
    version: str
    created_at: int
    updated_at: int


class PromptVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a prompt said at some time. Its id is its number, for paging."""

    id: str
    object: Literal["prompt.version"] = "prompt.version"
    prompt_id: str
    version: str
    text: str
    variables: Sequence[str]
    created_at: int


class PromptDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt that is gone."""

    id: str
    object: Literal["prompt.deleted"] = "prompt.deleted"
    deleted: bool = True
