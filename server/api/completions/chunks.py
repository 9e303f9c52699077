"""`text_completion` chunks: the texts of the choices as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from schemas.completions import CompletionRequest
from schemas.objects.completions import TextCompletion
from server.answers.answer import CompletionAnswer
from server.answers.parts import ChoicePart, ContentText, End, PromptLogprobs
from server.answers.stopwatch import Stopwatch
from server.api.chunk_frame import NULL, ChunkFrame
from server.api.completions.choices import choice_logprobs, echoes
from server.http import sse
from server.protocol.values import TokenLogprob


class CompletionChunkWriter:
    """Writes the chunks of one response."""

    def __init__(
        self, head: TextCompletion, wanted: CompletionRequest, answer: CompletionAnswer, stopwatch: Stopwatch
    ) -> None:
        """`answer` has just been started."""
        self._echoes = echoes(wanted, answer)
        self._logprobs = choice_logprobs(wanted, answer)
        start = msgspec.structs.replace(head, usage=None) if wanted.include_usage else head
        self._frame = ChunkFrame(start, answer, "text", stopwatch)
        self.usage = self._frame.usage

    def opening(self) -> bytes:
        """The echoed prompts; or a comment, so that the headers leave now."""
        return b"".join(self._opening_chunks()) or sse.PING

    def part(self, index: int, part: ChoicePart) -> bytes:
        self._frame.see_part()
        match part:
            case ContentText(text, logprobs):
                return self._chunk(index, text, self._columns(index, logprobs))
            case PromptLogprobs(logprobs):
                return self._chunk(index, "", self._columns(index, logprobs))
            case End(finish_reason):
                return self._frame.end(index, b'""', finish_reason)
            case _:
                return b""

    def _opening_chunks(self) -> Iterator[bytes]:
        for index, echo in enumerate(self._echoes):
            first = self._logprobs[index].first()
            if echo or first:
                yield self._chunk(index, echo, msgspec.json.encode(first))

    def _columns(self, index: int, logprobs: Sequence[TokenLogprob]) -> bytes:
        return msgspec.json.encode(self._logprobs[index].columns(logprobs)) if logprobs else NULL

    def _chunk(self, index: int, text: str, logprobs: bytes = NULL) -> bytes:
        return self._frame.chunk(index, msgspec.json.encode(text), logprobs)
