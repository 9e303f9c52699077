"""An answer as a stream of events, the way every client can read it; what an event looks like is the writer's.

opening . (part | ping)* . end per choice . [usage] . [DONE]
opening . (part | ping)* . [usage] . error                           and the connection closes
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Protocol

from flask import Response

from server.answers.answer import Answer, ClientLeft
from server.answers.parts import ChoicePart
from server.answers.usage import Usage
from server.errors.dialects import openai_body
from server.errors.tree import ParleyError
from server.http import sse

logger = logging.getLogger(__name__)


class ChunkWriter(Protocol):
    """Writes one endpoint's chunks, each as whole events."""

    def opening(self) -> bytes:
        """What is sent before anything is computed."""
        ...

    def part(self, index: int, part: ChoicePart) -> bytes:
        """The chunk for what happened to a choice; nothing for what is not to be shown."""
        ...

    def usage(self, usage: Usage) -> bytes:
        """The chunk with the counts, or nothing if the client did not ask for it."""
        ...


def stream(answer: Answer, writer: ChunkWriter, ping_seconds: float) -> Response:
    """The response for an answer that has been started; closing it stops the answer."""
    response = sse.stream_response(_events(answer, writer, ping_seconds))
    response.call_on_close(answer.close)  # a body that was never begun runs no `finally` of its own
    return response


def _events(answer: Answer, writer: ChunkWriter, ping_seconds: float) -> Iterator[bytes]:
    yield writer.opening()
    try:
        for batch in answer.batches(ping_seconds):
            yield b"".join([writer.part(index, part) for index, part in batch]) or sse.PING
        yield writer.usage(answer.usage) + sse.DONE
    except ClientLeft:
        logger.info("a client left in the middle of its stream")
    except ParleyError as error:
        yield writer.usage(answer.usage) + sse.event(openai_body(error))
        answer.hang_up()
