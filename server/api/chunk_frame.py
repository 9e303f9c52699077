"""What surrounds a choice in each chunk of a stream of completions; what does not change is encoded once."""

from __future__ import annotations

import msgspec

from schemas.objects.chat_completions import ChatCompletionChunk
from schemas.objects.completions import TextCompletion
from schemas.objects.usage import completion_usage
from server.answers.usage import Usage
from server.http import sse

NULL = b"null"


class ChunkFrame:
    """The frame of one response's chunks. Everything that it is given or gives is JSON or whole events."""

    def __init__(self, head: ChatCompletionChunk | TextCompletion, num_choices: int, content_name: str) -> None:
        """`head` is a chunk without choices; `content_name` is the field in which a choice has what is new."""
        self._head = head
        start = b"data: " + msgspec.json.encode(head)[:-1] + b',"choices":[{"index":'
        content = b',"' + content_name.encode() + b'":'
        self._starts = [start + b"%d" % index + content for index in range(num_choices)]

    def chunk(self, index: int, content: bytes, logprobs: bytes = NULL, reason: bytes = NULL) -> bytes:
        """The event of one choice."""
        end = b',"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}]}\n\n"
        return self._starts[index] + content + end

    def usage(self, usage: Usage) -> bytes:
        """The event with the counts; nothing if the client did not ask for it, so that the head has no place for it."""
        if self._head.usage is msgspec.UNSET:
            return b""
        return sse.event(msgspec.structs.replace(self._head, choices=[], usage=completion_usage(usage)))
