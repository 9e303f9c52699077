"""Requests with what is stored of their words: settings of a response's conversation, and saved prompts.

What is merged, and how, is the schemas' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.chat_completions import ChatCompletionRequest
from schemas.defaults import with_defaults
from schemas.prompts import PromptUse, filled_in
from schemas.responses import ResponsesRequest, load_response
from server.api.services import services
from server.auth.authentication import current_user
from storage import chat_settings, prompts


def load_response_with_stored_words(body: Mapping[str, Any]) -> ResponsesRequest:
    """The request in a body, with its conversation's settings and its prompt where it says nothing itself.

    A conversation that is not there has no settings: who opens it will say so. Raises SchemaError, and StorageError for
    a prompt.
    """
    wanted = load_response(body)
    if wanted.conversation_id is not None:
        wanted = _with_settings(body, wanted, wanted.conversation_id)
    return wanted if wanted.prompt is None else _with_prompt(wanted, wanted.prompt)


def _with_settings(body: Mapping[str, Any], wanted: ResponsesRequest, conversation_id: str) -> ResponsesRequest:
    found = services().database.run(chat_settings.get, current_user().id, conversation_id)
    if found is None or not found.concern_answers:
        return wanted
    instructions = None if wanted.prompt is not None else found.instructions
    return load_response(with_defaults(body, instructions, found.defaults))


def _with_prompt(wanted: ResponsesRequest, use: PromptUse) -> ResponsesRequest:
    text, version = _filled_in(use)
    return replace(wanted, instructions=text, prompt=replace(use, version=version))


def system_prompt(wanted: ChatCompletionRequest, usual: str | None) -> str | None:
    """What is said in front of the messages, unless they say it: the text of the request's prompt, or else `usual`.

    Raises SchemaError and StorageError for the prompt.
    """
    return usual if wanted.prompt is None else _filled_in(wanted.prompt)[0]


def _filled_in(use: PromptUse) -> tuple[str, int]:
    """The text of a prompt, and its version."""
    found = services().database.run(prompts.get, current_user().id, use.id, use.version)
    return filled_in(found.text, use.variables), found.version
