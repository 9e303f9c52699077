"""The choices of a chat completion that is answered as a whole."""

from __future__ import annotations

from typing import Any

from schemas.chat_completions import ChatCompletionRequest
from server.answers.parts import (
    ChoicePart,
    ContentText,
    End,
    FinishReason,
    ReasoningText,
    ToolCallArguments,
    ToolCallStarted,
)
from server.api.chat_completions.logprobs import JoinedLogprobs
from server.api.chat_completions.tool_calls import calls_object, finish_word


class ChatChoice:
    """One choice, put together from its parts."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._calls: list[ToolCallStarted] = []
        self._arguments: list[list[str]] = []
        self._logprobs = JoinedLogprobs()
        self._finish_reason: FinishReason = "stop"

    def take(self, part: ChoicePart) -> None:
        """What happened next."""
        match part:
            case ContentText(text, logprobs):
                self._content.append(text)
                self._logprobs.extend(logprobs)
            case ReasoningText(text):
                self._reasoning.append(text)
            case ToolCallStarted():
                self._calls.append(part)
                self._arguments.append([])
            case ToolCallArguments(index, text):
                self._arguments[index].append(text)
            case End(finish_reason):
                self._finish_reason = finish_reason

    def as_object(self, wanted: ChatCompletionRequest) -> dict[str, Any]:
        """The choice as the API has it, once it has finished."""
        return {
            "index": self._index,
            "message": self._message(wanted),
            "logprobs": self._logprobs.as_json(),
            "finish_reason": finish_word(self._finish_reason, wanted.speaks_of_functions),
        }

    def _message(self, wanted: ChatCompletionRequest) -> dict[str, Any]:
        content = "".join(self._content)
        message = {"role": "assistant", "content": content or (None if self._calls else ""), "refusal": None}
        if self._reasoning and wanted.includes_reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        calls = [
            {"id": call.call_id, "name": call.name, "arguments": "".join(arguments)}
            for call, arguments in zip(self._calls, self._arguments, strict=True)
        ]
        return {**message, **calls_object(calls, wanted.speaks_of_functions)}
