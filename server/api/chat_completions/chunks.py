"""`chat.completion.chunk`s: a choice's deltas as they come, a chunk for each part."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.chat_completions import ChatCompletionRequest
from schemas.objects.chat_completions import ChatCompletionChunk, ChatDelta
from schemas.objects.usage import completion_usage
from server.answers.answer import Answer
from server.answers.parts import ChoicePart, ContentText, End, ReasoningText, ToolCallArguments, ToolCallStarted
from server.answers.usage import Usage
from server.api.chat_completions.head import CompletionHead
from server.api.chat_completions.logprobs import JoinedLogprobs
from server.api.chat_completions.stopwatch import Stopwatch
from server.api.chat_completions.tool_calls import arguments_delta, finish_word, started_delta
from server.http import sse
from server.protocol.values import TokenLogprob


class ChatChunkWriter:
    """Writes the chunks of one response. All that does not change from chunk to chunk is encoded once.

    The last chunk has the timings: the one with the usage, or else that of the last end.
    """

    def __init__(self, head: CompletionHead, wanted: ChatCompletionRequest, answer: Answer) -> None:
        """`answer` has just been started."""
        self._answer = answer
        self._stopwatch = Stopwatch()
        self._num_unfinished = wanted.n
        self._head = ChatCompletionChunk(**head, usage=None if wanted.include_usage else msgspec.UNSET)
        self._num_choices = wanted.n
        self._wants_usage = wanted.include_usage
        self._shows_reasoning = wanted.includes_reasoning
        self._speaks_of_functions = wanted.speaks_of_functions
        self._first_delta = ChatDelta(role="assistant", content=None if wanted.functions else "")
        start = b"data: " + msgspec.json.encode(self._head)[:-1] + b',"choices":[{"index":'
        self._starts = [start + b'%d,"delta":' % index for index in range(wanted.n)]

    def opening(self) -> bytes:
        return b"".join(self._delta(index, self._first_delta) for index in range(self._num_choices))

    def part(self, index: int, part: ChoicePart) -> bytes:
        self._stopwatch.see_part()
        match part:
            case ContentText(text, logprobs):
                return self._chunk(index, b'{"content":' + msgspec.json.encode(text) + b"}", _logprobs(logprobs))
            case ReasoningText(text):
                return self._delta(index, ChatDelta(reasoning_content=text)) if self._shows_reasoning else b""
            case ToolCallStarted():
                return self._delta(index, started_delta(part, self._speaks_of_functions))
            case ToolCallArguments():
                return self._delta(index, arguments_delta(part, self._speaks_of_functions))
            case End(finish_reason):
                reason = finish_word(finish_reason, self._speaks_of_functions)
                return self._chunk(index, b"{}", reason=msgspec.json.encode(reason), rest=self._after_end())
            case _:
                return b""

    def usage(self, usage: Usage) -> bytes:
        if not self._wants_usage:
            return b""
        timings = self._stopwatch.timings(usage)
        return sse.event(
            msgspec.structs.replace(self._head, choices=[], usage=completion_usage(usage), timings=timings)
        )

    def _after_end(self) -> bytes:
        """What follows the end of a choice in its chunk."""
        self._num_unfinished -= 1
        if self._num_unfinished or self._wants_usage:
            return b""
        return b',"timings":' + msgspec.json.encode(self._stopwatch.timings(self._answer.usage))

    def _delta(self, index: int, delta: ChatDelta) -> bytes:
        return self._chunk(index, msgspec.json.encode(delta))

    def _chunk(
        self, index: int, delta: bytes, logprobs: bytes = b"null", reason: bytes = b"null", rest: bytes = b""
    ) -> bytes:
        end = b',"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}]" + rest + b"}\n\n"
        return self._starts[index] + delta + end


def _logprobs(logprobs: Sequence[TokenLogprob]) -> bytes:
    return msgspec.json.encode(JoinedLogprobs(logprobs).as_json()) if logprobs else b"null"
