"""`chat.completion.chunk`s: a choice's deltas as they come, a chunk for each part."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.chat_completions import ChatCompletionRequest
from schemas.objects.chat_completions import ChatCompletionChunk, ChatDelta
from server.answers.answer import Answer
from server.answers.parts import ChoicePart, ContentText, End, ReasoningText, ToolCallArguments, ToolCallStarted
from server.answers.stopwatch import Stopwatch
from server.api.chat_completions.head import CompletionHead
from server.api.chat_completions.logprobs import JoinedLogprobs
from server.api.chat_completions.tool_calls import arguments_delta, finish_word, started_delta
from server.api.chunk_frame import NULL, ChunkFrame
from server.protocol.values import TokenLogprob


class ChatChunkWriter:
    """Writes the chunks of one response."""

    def __init__(
        self, head: CompletionHead, wanted: ChatCompletionRequest, answer: Answer, stopwatch: Stopwatch
    ) -> None:
        """`answer` has just been started."""
        start = ChatCompletionChunk(**head, usage=None if wanted.include_usage else msgspec.UNSET)
        self._frame = ChunkFrame(start, answer, "delta", stopwatch)
        self.usage = self._frame.usage
        self._num_choices = wanted.n
        self._shows_reasoning = wanted.includes_reasoning
        self._speaks_of_functions = wanted.speaks_of_functions
        self._first_delta = ChatDelta(role="assistant", content=None if wanted.functions else "")

    def opening(self) -> bytes:
        return b"".join(self._delta(index, self._first_delta) for index in range(self._num_choices))

    def part(self, index: int, part: ChoicePart) -> bytes:
        self._frame.see_part()
        match part:
            case ContentText(text, logprobs):
                return self._frame.chunk(index, b'{"content":' + msgspec.json.encode(text) + b"}", _logprobs(logprobs))
            case ReasoningText(text):
                return self._delta(index, ChatDelta(reasoning_content=text)) if self._shows_reasoning else b""
            case ToolCallStarted():
                return self._delta(index, started_delta(part, self._speaks_of_functions))
            case ToolCallArguments():
                return self._delta(index, arguments_delta(part, self._speaks_of_functions))
            case End(finish_reason):
                return self._frame.end(index, b"{}", finish_word(finish_reason, self._speaks_of_functions))
            case _:
                return b""

    def _delta(self, index: int, delta: ChatDelta) -> bytes:
        return self._frame.chunk(index, msgspec.json.encode(delta))


def _logprobs(logprobs: Sequence[TokenLogprob]) -> bytes:
    return msgspec.json.encode(JoinedLogprobs(logprobs).as_json()) if logprobs else NULL
