"""The Response object as it goes on the wire, in OpenAI's fields and order. It knows shapes, not what happens."""

from __future__ import annotations

from typing import Any

from schemas.response_tools import shown_tool
from schemas.responses import ResponsesRequest
from server.answers.usage import Usage
from server.responses.truncation import Cut


def new_response(
    wanted: ResponsesRequest,
    *,
    response_id: str,
    created_at: int,
    model: str,
    temperature: float,
    top_p: float,
    conversation_id: str | None,
    cut: Cut,
) -> dict[str, Any]:
    """A response that has just begun. `dropped` is there only if the prompt had to be shortened."""
    dropped = {"dropped": {"turns": cut.num_turns, "items": cut.num_items}} if cut.num_items else {}
    return {
        "id": response_id,
        "object": "response",
        "created_at": created_at,
        "status": "in_progress",
        "background": wanted.background,
        "completed_at": None,
        "conversation": {"id": conversation_id} if conversation_id else None,
        "error": None,
        "incomplete_details": None,
        "instructions": wanted.instructions,
        "max_output_tokens": wanted.max_tokens,
        "max_tool_calls": None,
        "model": model,
        "output": [],
        "parallel_tool_calls": wanted.parallel_tool_calls,
        "previous_response_id": wanted.previous_response_id,
        "prompt_cache_key": wanted.prompt_cache.key,
        "prompt_cache_retention": wanted.prompt_cache.retention,
        "reasoning": {"effort": wanted.reasoning_effort, "summary": None},
        "safety_identifier": wanted.user,
        "service_tier": "default",
        "store": wanted.store,
        "temperature": temperature,
        "text": {"format": wanted.text.written},
        "tool_choice": wanted.choosing.written,
        "tools": [shown_tool(function) for function in wanted.tools],
        "top_logprobs": wanted.num_top_logprobs or 0,
        "top_p": top_p,
        "truncation": wanted.truncation or "disabled",
        "usage": None,
        "user": None,
        "metadata": dict(wanted.metadata),
        **dropped,
    }


def usage_object(usage: Usage) -> dict[str, Any]:
    """The counts as the Responses API reports them."""
    return {
        "input_tokens": usage.num_prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.num_cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.num_completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.num_reasoning_tokens},
        "total_tokens": usage.num_prompt_tokens + usage.num_completion_tokens,
    }
