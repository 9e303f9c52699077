"""What surrounds a choice in each chunk of a stream of completions; what does not change is encoded once."""

from __future__ import annotations

import msgspec

from schemas.objects.chat_completions import ChatCompletionChunk
from schemas.objects.completions import TextCompletion
from schemas.objects.usage import completion_usage
from server.answers.answer import Answer
from server.answers.stopwatch import Stopwatch
from server.answers.usage import Usage
from server.http import sse

NULL = b"null"


class ChunkFrame:
    """The frame of one response's chunks. Everything that it is given or gives is JSON or whole events.

    The last chunk has the timings: the one with the usage, or else that of the last end.
    """

    def __init__(
        self, head: ChatCompletionChunk | TextCompletion, answer: Answer, content_name: str, stopwatch: Stopwatch
    ) -> None:
        """`head` is a chunk without choices; `answer` has just been started.

        `content_name` is the field in which a choice has what is new.
        """
        self._head = head
        self._answer = answer
        self._stopwatch = stopwatch
        self._num_unfinished = answer.num_choices
        start = b"data: " + msgspec.json.encode(head)[:-1] + b',"choices":[{"index":'
        content = b',"' + content_name.encode() + b'":'
        self._starts = [start + b"%d" % index + content for index in range(answer.num_choices)]

    def see_part(self) -> None:
        """Something has come, whether or not it is shown."""
        self._stopwatch.see_part()

    def chunk(self, index: int, content: bytes, logprobs: bytes = NULL) -> bytes:
        """The event of one choice."""
        return self._starts[index] + content + b',"logprobs":' + logprobs + b',"finish_reason":null}]}\n\n'

    def end(self, index: int, content: bytes, reason: str) -> bytes:
        """The last event of one choice."""
        self._num_unfinished -= 1
        is_last = not self._num_unfinished and self._head.usage is msgspec.UNSET
        timings = b',"timings":' + msgspec.json.encode(self._stopwatch.timings(self._answer.usage)) if is_last else b""
        end = b',"logprobs":null,"finish_reason":' + msgspec.json.encode(reason) + b"}]" + timings + b"}\n\n"
        return self._starts[index] + content + end

    def usage(self, usage: Usage) -> bytes:
        """The event with the counts; nothing if the client did not ask for it, so that the head has no place for it."""
        if self._head.usage is msgspec.UNSET:
            return b""
        counts, timings = completion_usage(usage), self._stopwatch.timings(usage)
        return sse.event(msgspec.structs.replace(self._head, choices=[], usage=counts, timings=timings))
