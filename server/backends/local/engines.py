"""The engines of this machine's models, connected, and a backend for each."""

from __future__ import annotations

from collections.abc import Iterator

import gevent

from server.answers.backend import Described
from server.backends.local.backend import EmbeddingBackend, WritingBackend
from server.backends.local.model import LocalModel
from server.models.catalogue import Catalogue, ModelSpec
from server.protocol.runtime import RuntimeDir

FOLLOW_SECONDS = 0.1
"""How often to look whether the supervisor has written a new status."""


class Engines:
    """The connections of one worker to all engines."""

    def __init__(self, catalogue: Catalogue, runtime_dir: RuntimeDir, max_waiting_requests: int) -> None:
        self._max_waiting_requests = max_waiting_requests
        self._runtime_dir = runtime_dir
        self._models = [LocalModel(spec, runtime_dir) for spec in catalogue.models]
        self.backends = {
            spec.id: self._backend(spec, model) for spec, model in zip(catalogue.models, self._models, strict=True)
        }

    def __iter__(self) -> Iterator[LocalModel]:
        return iter(self._models)

    def start(self) -> None:
        """Connect, now and whenever an engine comes back. Not before the worker has forked."""
        for model in self._models:
            model.follow()
            model.start()
        gevent.spawn(self._follow)

    def _follow(self) -> None:
        """Let all models know whenever the supervisor says something new."""
        followed = None
        while True:
            status = self._runtime_dir.read_status()
            if status is not followed:
                followed = status
                for model in self._models:
                    model.follow()
            gevent.sleep(FOLLOW_SECONDS)

    def _backend(self, spec: ModelSpec, model: LocalModel) -> Described:
        return EmbeddingBackend(model) if spec.is_embedding else WritingBackend(model, self._max_waiting_requests)
