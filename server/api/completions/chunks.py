"""`text_completion` chunks: the texts of the choices as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from schemas.completions import CompletionRequest
from schemas.objects.completions import TextCompletion
from schemas.objects.usage import completion_usage
from server.answers.answer import CompletionAnswer
from server.answers.parts import ChoicePart, ContentText, End, PromptLogprobs
from server.answers.usage import Usage
from server.api.completions.choices import choice_logprobs, echoes
from server.http import sse
from server.protocol.values import TokenLogprob


class CompletionChunkWriter:
    """Writes the chunks of one response."""

    def __init__(self, head: TextCompletion, wanted: CompletionRequest, answer: CompletionAnswer) -> None:
        self._head = msgspec.structs.replace(head, usage=None) if wanted.include_usage else head
        self._echoes = echoes(wanted, answer)
        self._logprobs = choice_logprobs(wanted, answer)
        self._wants_usage = wanted.include_usage
        start = b"data: " + msgspec.json.encode(self._head)[:-1] + b',"choices":[{"index":'
        self._starts = [start + b'%d,"text":' % index for index in range(len(self._echoes))]

    def opening(self) -> bytes:
        """The echoed prompts; or a comment, so that the headers leave now."""
        return b"".join(self._opening_chunks()) or sse.PING

    def part(self, index: int, part: ChoicePart) -> bytes:
        match part:
            case ContentText(text, logprobs):
                return self._chunk(index, text, self._columns(index, logprobs))
            case PromptLogprobs(logprobs):
                return self._chunk(index, "", self._columns(index, logprobs))
            case End(finish_reason):
                return self._chunk(index, "", reason=msgspec.json.encode(finish_reason))
            case _:
                return b""

    def usage(self, usage: Usage) -> bytes:
        if not self._wants_usage:
            return b""
        return sse.event(msgspec.structs.replace(self._head, choices=[], usage=completion_usage(usage)))

    def _opening_chunks(self) -> Iterator[bytes]:
        for index, echo in enumerate(self._echoes):
            first = self._logprobs[index].first()
            if echo or first:
                yield self._chunk(index, echo, msgspec.json.encode(first))

    def _columns(self, index: int, logprobs: Sequence[TokenLogprob]) -> bytes:
        return msgspec.json.encode(self._logprobs[index].columns(logprobs)) if logprobs else b"null"

    def _chunk(self, index: int, text: str, logprobs: bytes = b"null", reason: bytes = b"null") -> bytes:
        end = b',"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}]}\n\n"
        return self._starts[index] + msgspec.json.encode(text) + end
