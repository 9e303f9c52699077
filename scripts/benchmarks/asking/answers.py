"""Reads what the client stored: status, text, usage, and the time at which each piece of text came.

It knows the OpenAI API's chat and completion answers, streamed and whole; it opens no connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from scripts.benchmarks.asking.client import Raw, headers_of

Event = tuple[float, dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """One answer of a server; times are seconds of `time.perf_counter`."""

    sent: float
    ended: float
    status: int | None
    """None: the connection closed before a status line."""
    headers: Mapping[str, str]
    arrivals: tuple[float, ...]
    """When each event with text came; of a whole answer, when it was complete."""
    text: str
    finish_reason: str | None
    usage: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    is_done: bool = False
    """Whether the stream's `[DONE]` came."""
    has_left: bool = False

    @property
    def ttft_seconds(self) -> float:
        """Time to first token; to the end, where no token had text (halves of characters, from random weights)."""
        return (self.arrivals[0] if self.arrivals else self.ended) - self.sent

    @property
    def itl_seconds(self) -> list[float]:
        """The times between tokens."""
        return [later - earlier for earlier, later in zip(self.arrivals, self.arrivals[1:], strict=False)]

    @property
    def num_tokens(self) -> int:
        """Completion tokens: the server's count, or else one for each event with text."""
        return int(self.usage.get("completion_tokens", len(self.arrivals)))

    @property
    def num_cached_tokens(self) -> int:
        return int((self.usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0))


def read_answer(raw: Raw) -> Answer:
    """The answer that these bytes are; a broken end is no error here, it shows in the fields."""
    head, body = split_head(raw)
    if head is None:
        return Answer(raw.sent, raw.ended, None, {}, (), "", None, has_left=raw.has_left)
    headers = headers_of(head)
    pieces = dechunk(body) if headers.get("transfer-encoding") == "chunked" else body
    is_stream = headers.get("content-type", "").startswith("text/event-stream")
    documents = list(stream_documents(pieces) if is_stream else whole_document(pieces))
    events = [(time, document) for time, document in documents if document is not None]
    choices = [(time, choice) for time, event in events for choice in event.get("choices") or []]
    return Answer(
        sent=raw.sent,
        ended=raw.ended,
        status=int(head.split(b" ", 2)[1]),
        headers=headers,
        arrivals=tuple(time for time, choice in choices if text_of(choice)),
        text="".join(text_of(choice) for _, choice in choices),
        finish_reason=next((choice["finish_reason"] for _, choice in choices if choice.get("finish_reason")), None),
        usage=next((event["usage"] for _, event in reversed(events) if event.get("usage")), {}),
        error=next((event["error"] for _, event in events if event.get("error")), None),
        is_done=any(document is None for _, document in documents),
        has_left=raw.has_left,
    )


def split_head(raw: Raw) -> tuple[bytes | None, list[tuple[float, bytes]]]:
    """The head of the answer, None if it never came whole, and the pieces of the body."""
    seen = b""
    for number, (time, piece) in enumerate(raw.pieces):
        seen += piece
        head, separator, rest = seen.partition(b"\r\n\r\n")
        if separator:
            return head, [(time, rest), *raw.pieces[number + 1 :]]
    return None, []


def dechunk(pieces: Iterable[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """The content of HTTP chunks, each with the time at which it was complete."""
    buffer = b""
    for time, piece in pieces:
        buffer += piece
        while b"\r\n" in buffer:
            size_line, _, rest = buffer.partition(b"\r\n")
            size = int(size_line.split(b";")[0], 16)
            if len(rest) < size + 2:
                break
            yield time, rest[:size]
            buffer = rest[size + 2 :]


def stream_documents(pieces: Iterable[tuple[float, bytes]]) -> Iterator[tuple[float, Any]]:
    """The JSON documents of server-sent events, None for `[DONE]`; comments are passed over."""
    buffer = b""
    for time, piece in pieces:
        buffer += piece
        *events, buffer = buffer.split(b"\n\n")
        for event in events:
            data = event.partition(b"data: ")[2]
            if data:
                yield time, None if data.strip() == b"[DONE]" else json.loads(data)


def whole_document(pieces: Iterable[tuple[float, bytes]]) -> Iterator[Event]:
    """The one JSON document of an answer that is not a stream; none if it is something else, or cut short."""
    timed = list(pieces)
    with suppress(ValueError):
        yield timed[-1][0] if timed else 0.0, json.loads(b"".join(piece for _, piece in timed))


def text_of(choice: Mapping[str, Any]) -> str:
    """The text of a choice: of a chat stream, of a whole chat answer, or of a completion."""
    message = choice.get("delta") or choice.get("message") or {}
    return str(message.get("content") or choice.get("text") or "")
