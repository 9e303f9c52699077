"""The loop body of an engine that turns texts into vectors: requests in, vectors out, many texts a forward pass.

`service` drives it as it drives `Engine`, whose face it has. It runs on one thread; nothing in it waits for anything
but the forward pass.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from server.engine.runner import DecodeError
from server.engine.scheduling.places import Places, QueueFull
from server.engine.scheduling.rotation import Rotation
from server.engine.stats import EngineStats, Timing
from server.protocol.messages import Event, Failed, Finished, Stats, Vector
from server.protocol.values import QueueKey

logger = logging.getLogger(__name__)

LITTLE_ENDIAN_FLOAT = np.dtype("<f4")


class Embedder(Protocol):
    """A model that embeds; `embedding.model.EmbeddingModel` is the real one."""

    n_ctx: int
    """Most tokens of one forward pass, all texts together."""
    max_texts: int
    """Most texts of one forward pass."""

    def embed(self, texts: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """The vectors of texts, shape (len(texts), n_embd).

        Raises:
            DecodeError: if the forward pass failed.
        """
        ...


@dataclass(frozen=True, eq=False)
class EmbeddingRequest:
    """The texts that one client wants embedded, tokenized and known to fit. Compared by identity."""

    owner: Hashable
    """Receiver of its events; opaque here."""
    request_id: int
    texts: list[list[int]]
    dimensions: int | None = None
    """Number of leading numbers of each vector that are wanted; None means all."""
    queue_key: QueueKey = field(default_factory=QueueKey)
    """Names the queue in which its texts wait; queues are served in rotation."""
    arrived: float = field(default_factory=time.perf_counter)

    @property
    def num_choices(self) -> int:
        return len(self.texts)

    @property
    def num_tokens(self) -> int:
        return sum(map(len, self.texts))


Deliver = Callable[[list[tuple[EmbeddingRequest, Event]]], None]


@dataclass(eq=False)
class Text:
    """One waiting text of a request; events call it a choice."""

    request: EmbeddingRequest
    choice: int
    timing: Timing
    num_cached_tokens: int = 0

    @property
    def tokens(self) -> list[int]:
        return self.request.texts[self.choice]

    @property
    def num_prompt_tokens(self) -> int:
        return len(self.tokens)


class EmbeddingEngine:
    """Batches of texts through one model. Queues are served in rotation, text by text."""

    def __init__(self, embedder: Embedder, max_waiting_requests: int, max_waiting_tokens: int) -> None:
        self._embedder = embedder
        self._places = Places(max_waiting_requests, max_waiting_tokens)
        self._waiting: Rotation[Text] = Rotation()
        self._num_left: dict[EmbeddingRequest, int] = {}
        self._stats = EngineStats()

    @property
    def has_work(self) -> bool:
        return len(self._waiting) > 0

    @property
    def waits_for_disk(self) -> bool:
        return False

    def submit(self, request: EmbeddingRequest) -> None:
        """Queue a request.

        Raises:
            QueueFull: if too many wait already. An empty queue takes any request.
        """
        try:
            self._places.enter(request.queue_key.caller, request.num_tokens)
        except QueueFull:
            self._stats.num_rejected += 1
            raise
        texts = [Text(request, choice, Timing(request.arrived)) for choice in range(len(request.texts))]
        self._waiting.add(request.queue_key, texts)
        self._num_left[request] = len(texts)

    def cancel(self, request: EmbeddingRequest) -> None:
        """Forget a request. No event of it follows."""
        if request not in self._num_left:
            return
        self._forget(request)
        for text in [text for text in self._waiting if text.request is request]:
            self._waiting.remove(request.queue_key, text)
            self._stats.on_end(text, "abort")

    def step(self, deliver: Deliver | None = None) -> list[tuple[EmbeddingRequest, Event]]:
        """Embed as many of the waiting texts as go into one forward pass. Nothing is put off, nor delivered."""
        batch = self._next_batch()
        if not batch:
            return []
        started = time.perf_counter()
        for text in batch:
            self._stats.on_pass(text, started)
        try:
            vectors = self._embedder.embed([text.tokens for text in batch])
        except DecodeError as error:
            return self._give_up(batch, error)
        self._stats.on_step(time.perf_counter() - started, sum(len(text.tokens) for text in batch))
        return [pair for text, vector in zip(batch, vectors, strict=True) for pair in self._done(text, vector)]

    def check(self) -> None:
        """Nothing to prove: no text leaves anything behind in the model."""

    def tidy(self) -> float | None:
        """Nothing to tidy: no work can wait here."""
        return None

    def flush(self) -> None:
        """Nothing to flush: nothing outlasts the engine."""

    def stats(self, request_id: int) -> Stats:
        """Counts since the start, and what waits now. From any thread."""
        gauges = {"running": 0, "waiting": len(self._waiting), "slots": self._embedder.max_texts}
        return self._stats.snapshot(request_id, gauges, kv_tokens={}, kv_hits={})

    def _next_batch(self) -> list[Text]:
        """The next texts, one of each queue in rotation, as long as they fit."""
        batch: list[Text] = []
        room = self._embedder.n_ctx
        while self._waiting and len(batch) < self._embedder.max_texts:
            text = next(self._waiting.in_order())
            if len(text.tokens) > room:
                break
            room -= len(text.tokens)
            batch.append(text)
            self._waiting.take(text.request.queue_key, text)
        return batch

    def _forget(self, request: EmbeddingRequest) -> None:
        del self._num_left[request]
        self._places.leave(request.queue_key.caller, request.num_tokens)

    def _done(self, text: Text, vector: npt.NDArray[np.float32]) -> list[tuple[EmbeddingRequest, Event]]:
        self._stats.on_end(text, "stop")
        request = text.request
        self._num_left[request] -= 1
        if not self._num_left[request]:
            self._forget(request)
        data = normalised(vector[: request.dimensions]).astype(LITTLE_ENDIAN_FLOAT).tobytes()
        return [
            (request, Vector(request.request_id, text.choice, data)),
            (request, Finished(request.request_id, text.choice, "stop", 0, 0)),
        ]

    def _give_up(self, batch: list[Text], error: DecodeError) -> list[tuple[EmbeddingRequest, Event]]:
        """End the requests that had a text in a failed forward pass, and nobody else's."""
        requests = list(dict.fromkeys(text.request for text in batch))
        logger.error("%s; %d requests are lost", error, len(requests))
        for text in batch:
            self._stats.on_end(text, "error")
        for request in requests:
            self.cancel(request)
        return [(each, Failed(each.request_id, "the model failed to compute this request")) for each in requests]


def normalised(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The vector at length 1; one of zeros stays as it is."""
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector
