"""The choices of a chat completion that is answered as a whole."""

from __future__ import annotations

from typing import Any

from schemas.chat_completions import ChatCompletionRequest
from server.api.chat_logprobs import JoinedLogprobs
from server.chat.output import ContentText, OutputPart, ReasoningText, ToolCallArguments, ToolCallStarted
from server.chat.output_plan import OutputPlan
from server.engine.messages import Delta, Finished, TokenLogprob


class ChatChoice:
    """One choice, put together from what the engine sends."""

    def __init__(self, index: int, plan: OutputPlan) -> None:
        self._index = index
        self._reader = plan.reader()
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._arguments: list[list[str]] = []
        self._logprobs = JoinedLogprobs()
        self._finish_reason = "stop"

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
            "finish_reason": self._finish_reason,
        }

    def _add(self, parts: list[OutputPart], logprobs: list[TokenLogprob]) -> None:
        self._logprobs.extend(logprobs)
        for part in parts:
            match part:
                case ReasoningText(text):
                    self._reasoning.append(text)
                case ContentText(text):
                    self._content.append(text)
                case ToolCallStarted(_, call_id, name):
                    self._calls.append({"id": call_id, "name": name})
                    self._arguments.append([])
                case ToolCallArguments(index, text):
                    self._arguments[index].append(text)

    def _message(self, wanted: ChatCompletionRequest) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self._content), "refusal": None}
        if self._reasoning and wanted.includes_reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        return message
