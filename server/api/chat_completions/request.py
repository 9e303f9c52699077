"""From the body of a chat completion to what is asked of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.chat_completions import ChatCompletionRequest
from server.answers.messages import MediaPart, Message, Part, TextPart, ToolCall, with_system_prompt
from server.answers.request import Blame, CacheHints, ChatRequest, PromptEnd
from server.settings import Settings


def chat_request(wanted: ChatCompletionRequest, settings: Settings, system_prompt: str | None) -> ChatRequest:
    """The request, with the settings where the client says nothing itself."""
    separates_reasoning = settings.reasoning_format != "none"
    if wanted.separates_reasoning is not None:
        separates_reasoning = wanted.separates_reasoning
    return ChatRequest(
        messages=with_system_prompt([message(*numbered) for numbered in enumerate(wanted.messages)], system_prompt),
        sampling=wanted.sampling,
        max_tokens=settings.default_max_tokens if wanted.max_tokens is None else wanted.max_tokens,
        stop=wanted.stop,
        num_choices=wanted.n,
        ignore_eos=wanted.ignore_eos,
        num_top_logprobs=wanted.num_top_logprobs,
        output_format=wanted.output_format,
        functions=wanted.functions,
        tool_choice=wanted.tool_choice,
        parallel_tool_calls=wanted.parallel_tool_calls,
        separates_reasoning=separates_reasoning,
        prompt_end=prompt_end(wanted),
        template_kwargs=wanted.template_kwargs,
        user=wanted.user,
        cache=CacheHints(wanted.prompt_cache),
        blame=Blame(prompt="messages", tools=wanted.functions_param),
    )


def prompt_end(wanted: ChatCompletionRequest) -> PromptEnd:
    """What the prompt ends with."""
    if wanted.continues_last:
        return "content"
    return "answer" if wanted.add_generation_prompt else "message"


def message(index: int, given: Mapping[str, Any]) -> Message:
    """The message of that index in the request, typed."""
    role = given["role"]
    return Message(
        role=role,
        content=tuple(_part(role, index, at, part) for at, part in enumerate(given["content"])),
        name=given.get("name"),
        reasoning=given.get("reasoning_content"),
        tool_calls=tuple(map(_call, given.get("tool_calls", ()))),
        tool_call_id=given.get("tool_call_id"),
    )


def _part(role: str, index: int, at: int, given: Mapping[str, Any]) -> Part:
    """A part of the message of that index. A tool's result, which is sent again with every turn, is never refused."""
    if given["type"] == "text":
        return TextPart(given["text"])
    return MediaPart(given["type"], given, None if role == "tool" else f"messages[{index}].content[{at}]")


def _call(given: Mapping[str, Any]) -> ToolCall:
    return ToolCall(given["id"], given["function"]["name"], given["function"]["arguments"])
