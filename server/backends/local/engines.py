"""The engines of this machine's models, connected, and a backend for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent

from server.answers.backend import Described
from server.backends.local.backend import EmbeddingBackend, WritingBackend
from server.backends.local.model import LocalModel
from server.models.catalogue import Catalogue, ModelSpec
from server.protocol.runtime import FoundModel, RuntimeDir, Status

FOLLOW_SECONDS = 0.1
"""How often to look whether the supervisor has written a new status."""


class Engines:
    """The connections of one worker to all engines."""

    def __init__(self, catalogue: Catalogue, runtime_dir: RuntimeDir, max_waiting_requests: int) -> None:
        self._max_waiting_requests = max_waiting_requests
        self._runtime_dir = runtime_dir
        self._catalogue = catalogue
        self._models = [LocalModel(spec, runtime_dir) for spec in catalogue.models]
        self._found: dict[str, tuple[FoundModel, LocalModel]] = {}
        self.backends = {
            spec.id: self._backend(spec, model) for spec, model in zip(catalogue.models, self._models, strict=True)
        }
        self.on_found: Callable[[ModelSpec, Described], None] = lambda spec, backend: None
        """Called with each model that the catalogue does not have, before it is asked anything."""
        self.on_gone: Callable[[str], None] = lambda model_id: None
        """Called with the id of such a model when it is not there any more."""

    def __iter__(self) -> Iterator[LocalModel]:
        return iter([*self._models, *(model for _, model in self._found.values())])

    def start(self) -> None:
        """Connect, now and whenever an engine comes back. Not before the worker has forked."""
        for model in self._models:
            model.follow()
            model.start()
        self._follow_found(self._runtime_dir.read_status())
        gevent.spawn(self._follow)

    def _follow(self) -> None:
        """Let all models know whenever the supervisor says something new."""
        followed = None
        while True:
            status = self._runtime_dir.read_status()
            if status is not followed:
                followed = status
                self._follow_found(status)
                for model in self:
                    model.follow()
            gevent.sleep(FOLLOW_SECONDS)

    def _follow_found(self, status: Status) -> None:
        """Have those models that the supervisor has found; when it has just started, it has not looked yet."""
        if status.pid is None:
            return
        there = {model_id: model.found for model_id, model in status.models.items() if model.found is not None}
        for model_id in [model_id for model_id, (found, _) in self._found.items() if there.get(model_id) != found]:
            _, model = self._found.pop(model_id)
            model.stop()
            self.on_gone(model_id)
        for model_id in there.keys() - self._found.keys():
            found = there[model_id]
            spec = self._catalogue.found(model_id, found.path, is_embedding=found.is_embedding)
            model = LocalModel(spec, self._runtime_dir)
            self._found[model_id] = found, model
            self.on_found(spec, self._backend(spec, model))
            model.follow()
            model.start()

    def _backend(self, spec: ModelSpec, model: LocalModel) -> Described:
        return EmbeddingBackend(model) if spec.is_embedding else WritingBackend(model, self._max_waiting_requests)
