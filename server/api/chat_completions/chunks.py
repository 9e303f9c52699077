"""`chat.completion.chunk`s: a choice's deltas as they come, a chunk for each part."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.chat_completions import ChatCompletionRequest
from schemas.objects.chat_completions import ChatCompletionChunk, ChatDelta
from schemas.objects.usage import completion_usage
from server.answers.parts import ChoicePart, ContentText, End, ReasoningText, ToolCallArguments, ToolCallStarted
from server.answers.usage import Usage
from server.api.chat_completions.head import CompletionHead
from server.api.chat_completions.logprobs import JoinedLogprobs
from server.api.chat_completions.tool_calls import arguments_delta, finish_word, started_delta
from server.http import sse
from server.protocol.values import TokenLogprob


class ChatChunkWriter:
    """Writes the chunks of one response. All that does not change from chunk to chunk is encoded once."""

    def __init__(self, head: CompletionHead, wanted: ChatCompletionRequest) -> None:
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
                return self._chunk(index, b"{}", reason=msgspec.json.encode(reason))
            case _:
                return b""

    def usage(self, usage: Usage) -> bytes:
        if not self._wants_usage:
            return b""
        return sse.event(msgspec.structs.replace(self._head, choices=[], usage=completion_usage(usage)))

    def _delta(self, index: int, delta: ChatDelta) -> bytes:
        return self._chunk(index, msgspec.json.encode(delta))

    def _chunk(self, index: int, delta: bytes, logprobs: bytes = b"null", reason: bytes = b"null") -> bytes:
        end = b',"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}]}\n\n"
        return self._starts[index] + delta + end


def _logprobs(logprobs: Sequence[TokenLogprob]) -> bytes:
    return msgspec.json.encode(JoinedLogprobs(logprobs).as_json()) if logprobs else b"null"
