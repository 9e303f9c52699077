"""The choices of a chat completion that is answered as a whole."""

from __future__ import annotations

import msgspec

from schemas.chat_completions import ChatCompletionRequest
from schemas.objects.chat_completions import ChatCompletionChoice, ChatMessage
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
from server.api.chat_completions.tool_calls import finish_word, with_calls


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

    def as_object(self, wanted: ChatCompletionRequest) -> ChatCompletionChoice:
        """The choice as the API has it, once it has finished."""
        return ChatCompletionChoice(
            index=self._index,
            message=self._message(wanted),
            logprobs=self._logprobs.as_json(),
            finish_reason=finish_word(self._finish_reason, wanted.speaks_of_functions),
        )

    def _message(self, wanted: ChatCompletionRequest) -> ChatMessage:
        content = "".join(self._content)
        message = ChatMessage(content=content or (None if self._calls else ""))
        if self._reasoning and wanted.includes_reasoning:
            message = msgspec.structs.replace(message, reasoning_content="".join(self._reasoning))
        calls = zip(self._calls, map("".join, self._arguments), strict=True)
        return with_calls(message, calls, wanted.speaks_of_functions)
