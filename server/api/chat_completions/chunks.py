"""`chat.completion.chunk`s: a choice's deltas as they come.

Where all text is content, what the engine sends is encoded as it is. Else a reader for each choice takes it apart, and
each part is a chunk of its own.
"""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.chat_completions import ChatCompletionRequest
from server.api.chat_completions.logprobs import JoinedLogprobs
from server.api.chat_completions.tool_calls import arguments_delta, finish_reason, started_delta
from server.api.usage import usage_object
from server.backends.local.generation import Usage
from server.chat.output.plan import OutputPlan
from server.chat.parts import ContentText, OutputPart, ReasoningText, ToolCallArguments, ToolCallStarted
from server.http import sse
from server.protocol.messages import Delta, Finished, TokenLogprob


class ChatChunkWriter:
    """Writes the chunks of one response. All that does not change from chunk to chunk is encoded once."""

    def __init__(self, head: dict[str, Any], wanted: ChatCompletionRequest, plan: OutputPlan) -> None:
        self._head = {**head, "object": "chat.completion.chunk"}
        self._num_choices = wanted.n
        self._wants_usage = wanted.include_usage
        self._shows_reasoning = wanted.includes_reasoning
        self._speaks_of_functions = wanted.speaks_of_functions
        self._first_delta = {"role": "assistant", "content": None if wanted.functions else ""}
        self._readers = [] if plan.is_plain else [plan.reader() for _ in range(wanted.n)]
        start = b"data: " + msgspec.json.encode(self._head)[:-1] + b',"choices":[{"index":'
        self._starts = [start + b'%d,"delta":' % index for index in range(wanted.n)]

    def opening(self) -> bytes:
        first = msgspec.json.encode(self._first_delta)
        return b"".join(self._chunk(index, first) for index in range(self._num_choices))

    def delta(self, index: int, delta: Delta) -> bytes:
        if self._readers:
            return self._parts(index, *self._readers[index].read(delta))
        return self._chunk(index, b'{"content":' + msgspec.json.encode(delta.text) + b"}", _logprobs(delta.logprobs))

    def finish(self, index: int, finished: Finished) -> bytes:
        rest, reason = b"", str(finished.finish_reason)
        if self._readers:
            rest = self._parts(index, *self._readers[index].finish())
            is_whole = self._readers[index].has_whole_calls
            reason = finish_reason(finished.finish_reason, is_whole, self._speaks_of_functions)
        return rest + self._chunk(index, b"{}", reason=msgspec.json.encode(reason))

    def usage(self, usage: Usage) -> bytes:
        if not self._wants_usage:
            return b""
        num_reasoning_tokens = sum(reader.num_reasoning_tokens for reader in self._readers)
        return sse.event({**self._head, "choices": [], "usage": usage_object(usage, num_reasoning_tokens)})

    def _parts(self, index: int, parts: list[OutputPart], logprobs: list[TokenLogprob]) -> bytes:
        """A chunk for each part; the logprobs are those of the content, all with its first chunk."""
        chunks = []
        for part in parts:
            if isinstance(part, ContentText):
                chunks.append(self._chunk(index, self._encoded(part), _logprobs(logprobs)))
                logprobs = []
            elif self._shows_reasoning or not isinstance(part, ReasoningText):
                chunks.append(self._chunk(index, self._encoded(part)))
        return b"".join(chunks)

    def _encoded(self, part: OutputPart) -> bytes:
        match part:
            case ContentText(text):
                delta = {"content": text}
            case ReasoningText(text):
                delta = {"reasoning_content": text}
            case ToolCallStarted():
                delta = started_delta(part, self._speaks_of_functions)
            case ToolCallArguments():
                delta = arguments_delta(part, self._speaks_of_functions)
        return msgspec.json.encode(delta)

    def _chunk(self, index: int, delta: bytes, logprobs: bytes = b"null", reason: bytes = b"null") -> bytes:
        end = b',"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}]}\n\n"
        return self._starts[index] + delta + end


def _logprobs(logprobs: list[TokenLogprob] | None) -> bytes:
    return msgspec.json.encode(JoinedLogprobs(logprobs).as_json())
