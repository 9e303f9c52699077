"""The Response object as it goes on the wire, in OpenAI's fields and order. It knows shapes, not what happens."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.objects.responses import ConversationId, Dropped, PromptReference, ReasoningOptions, Response, ResponseText
from schemas.objects.usage import response_usage
from schemas.prompts import PromptUse
from schemas.response_tools import shown_tool
from schemas.responses import ResponsesRequest
from server.answers.backend import Card
from server.answers.usage import Usage
from server.responses.truncation import Cut


def new_response(
    wanted: ResponsesRequest,
    *,
    response_id: str,
    created_at: int,
    model: str,
    card: Card,
    conversation_id: str | None,
    cut: Cut,
) -> dict[str, Any]:
    """A response that has just begun, as JSON values, with the model's numbers where the request has none.

    `dropped` is there only if the prompt had to be shortened, `prompt` only if a saved one was used.
    """
    given = wanted.sampling
    begun = Response(
        id=response_id,
        created_at=created_at,
        status="in_progress",
        background=wanted.background,
        conversation=ConversationId(id=conversation_id) if conversation_id else None,
        frequency_penalty=_number(given.frequency_penalty, card.frequency_penalty),
        instructions=wanted.instructions,
        max_output_tokens=wanted.max_tokens,
        model=model,
        parallel_tool_calls=wanted.parallel_tool_calls,
        presence_penalty=_number(given.presence_penalty, card.presence_penalty),
        previous_response_id=wanted.previous_response_id,
        prompt_cache_key=wanted.prompt_cache.key,
        prompt_cache_retention=wanted.prompt_cache.retention,
        reasoning=ReasoningOptions(effort=wanted.reasoning_effort, summary=wanted.reasoning_summary),
        safety_identifier=wanted.user,
        store=wanted.store,
        temperature=_number(given.temperature, card.temperature),
        text=ResponseText(format=wanted.text.written),
        tool_choice=wanted.choosing.written,
        tools=[shown_tool(function) for function in wanted.tools],
        top_logprobs=wanted.num_top_logprobs or 0,
        top_p=_number(given.top_p, card.top_p),
        truncation=wanted.truncation or "disabled",
        metadata=wanted.metadata,
        dropped=Dropped(turns=cut.num_turns, items=cut.num_items) if cut.num_items else msgspec.UNSET,
        prompt=_prompt_reference(wanted.prompt),
    )
    return as_json(begun)


def _prompt_reference(use: PromptUse | None) -> PromptReference | msgspec.UnsetType:
    if use is None:
        return msgspec.UNSET
    return PromptReference(id=use.id, variables=use.variables, version=str(use.version))


def _number(given: float | None, usual: float) -> float:
    return usual if given is None else given


def usage_object(usage: Usage) -> dict[str, Any]:
    """The counts as the Responses API reports them, as JSON values."""
    return as_json(response_usage(usage))


def as_json(value: msgspec.Struct) -> dict[str, Any]:
    """A typed object as JSON values."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found
