"""The choices of a chat completion that is answered as a whole."""

from __future__ import annotations

from typing import Any

from schemas.chat_completions import ChatCompletionRequest
from server.api.chat_completions.logprobs import JoinedLogprobs
from server.api.chat_completions.tool_calls import calls_object, finish_reason
from server.chat.output.plan import OutputPlan
from server.chat.parts import ContentText, OutputPart, ReasoningText, ToolCallArguments, ToolCallStarted
from server.protocol.messages import Delta, Finished, FinishReason, TokenLogprob


class ChatChoice:
    """One choice, put together from what the engine sends."""

    def __init__(self, index: int, plan: OutputPlan) -> None:
        self._index = index
        self._reader = plan.reader()
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._calls: list[ToolCallStarted] = []
        self._arguments: list[list[str]] = []
        self._logprobs = JoinedLogprobs()
        self._finish_reason: FinishReason = "stop"

    @property
    def num_reasoning_tokens(self) -> int:
        return self._reader.num_reasoning_tokens

    def take(self, event: Delta | Finished) -> None:
        """What happened next."""
        if isinstance(event, Finished):
            self._finish_reason = event.finish_reason
            self._add(*self._reader.finish())
        else:
            self._add(*self._reader.read(event))

    def as_object(self, wanted: ChatCompletionRequest) -> dict[str, Any]:
        """The choice as the API has it, once it has finished."""
        return {
            "index": self._index,
            "message": self._message(wanted),
            "logprobs": self._logprobs.as_json(),
            "finish_reason": self._reason(wanted),
        }

    def _reason(self, wanted: ChatCompletionRequest) -> str:
        return finish_reason(self._finish_reason, self._reader.has_whole_calls, wanted.speaks_of_functions)

    def _add(self, parts: list[OutputPart], logprobs: list[TokenLogprob]) -> None:
        self._logprobs.extend(logprobs)
        for part in parts:
            match part:
                case ReasoningText(text):
                    self._reasoning.append(text)
                case ContentText(text):
                    self._content.append(text)
                case ToolCallStarted():
                    self._calls.append(part)
                    self._arguments.append([])
                case ToolCallArguments(index, text):
                    self._arguments[index].append(text)

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
