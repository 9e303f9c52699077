"""Memory of a worker for the bodies of all its requests, shared so that large ones cannot crowd out small ones.

A body may become as large as what is left free beside it. While nobody else sends, that is half of the memory; the more
there are, the smaller is what each may still send, and the small bodies of most requests always fit. What counts is
what has been received, since a client may announce what it likes. It does not know what a body is for.
"""

from __future__ import annotations

from flask import Response, after_this_request

from server.errors.tree import Overloaded

RETRY_AFTER_SECONDS = 1
NO_ROOM = "Too many large request bodies are being received or answered. Please retry later."


class BodyMemory:
    """`max_bytes` for all bodies together; None is no bound."""

    def __init__(self, max_bytes: int | None) -> None:
        self._max_bytes = max_bytes
        self.num_bytes = 0

    def hold_for_this_request(self) -> HeldMemory:
        """Memory that grows from nothing, and is given back when the current request has been answered."""
        held = HeldMemory(self)
        if self._max_bytes is not None:
            after_this_request(held.release_with)
        return held

    def take(self, num_bytes: int, size: int) -> None:
        """Let a body of `size` bytes be, of which `num_bytes` are new; raises Overloaded."""
        if self._max_bytes is not None and size > self._max_bytes - self.num_bytes - num_bytes:
            raise Overloaded(RETRY_AFTER_SECONDS, NO_ROOM)
        self.num_bytes += num_bytes

    def give_back(self, num_bytes: int) -> None:
        self.num_bytes -= num_bytes


UNBOUNDED = BodyMemory(None)


class HeldMemory:
    """What one body takes of it."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._size = 0

    def grow(self, size: int) -> None:
        """Let the body have `size` bytes; raises Overloaded."""
        self._memory.take(size - self._size, size)
        self._size = size

    def release(self) -> None:
        self._memory.give_back(self._size)
        self._size = 0

    def release_with(self, response: Response) -> Response:
        """Release when the response has been sent, or given up."""
        response.call_on_close(self.release)
        return response
