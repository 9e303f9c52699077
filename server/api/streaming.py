"""A generation as a stream of events, the way every client can read it; what an event looks like is the writer's.

opening . (delta | ping)* . finish per choice . [usage] . [DONE]
opening . (delta | ping)* . error                                      and the connection closes
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Protocol

from flask import Response

from server.backends.local.generation import ClientLeft, Generation, Usage
from server.errors import ParleyError, error_body
from server.http import sse
from server.protocol.messages import Delta, Finished

logger = logging.getLogger(__name__)


class ChunkWriter(Protocol):
    """Writes one endpoint's chunks, each as whole events."""

    def opening(self) -> bytes:
        """What is sent before anything is computed."""
        ...

    def delta(self, index: int, delta: Delta) -> bytes: ...
    def finish(self, index: int, finished: Finished) -> bytes: ...

    def usage(self, usage: Usage) -> bytes:
        """The chunk with the counts, or nothing if the client did not ask for it."""
        ...


def stream(generation: Generation, writer: ChunkWriter, ping_seconds: float) -> Response:
    """The response for a generation that has been started; closing it stops the generation."""
    response = sse.stream_response(_events(generation, writer, ping_seconds))
    response.call_on_close(generation.close)  # a body that was never begun runs no `finally` of its own
    return response


def _events(generation: Generation, writer: ChunkWriter, ping_seconds: float) -> Iterator[bytes]:
    yield writer.opening()
    try:
        for batch in generation.events(ping_seconds):
            yield b"".join(_write(writer, index, event) for index, event in batch) or sse.PING
        yield writer.usage(generation.usage) + sse.DONE
    except ClientLeft:
        logger.info("a client left in the middle of its stream")
    except ParleyError as error:
        yield sse.event(error_body(error))
        generation.hang_up()


def _write(writer: ChunkWriter, index: int, event: Delta | Finished) -> bytes:
    return writer.finish(index, event) if isinstance(event, Finished) else writer.delta(index, event)
