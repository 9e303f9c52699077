"""GGUF files that an engine needs: on this machine already, or to be fetched from the hub first.

Knows paths and names; fetching it is the launcher's business, and when to do so the watched model's.
"""

from __future__ import annotations

from pathlib import Path

from server.models.errors import ModelError
from server.models.gguf_file import check_model_file
from server.supervisor.config import ModelConfig


class NeededFile:
    """Either has a path from the start, or a `hub_source` that leads to one."""

    def __init__(self, path: str | None, hub_source: str | None) -> None:
        self._known_path = path
        self.hub_source = hub_source
        self.path = path
        """None until it has been fetched."""

    def check(self) -> None:
        """Look whether it still is a model; one of the hub that is not has to be fetched again.

        Raises:
            ModelError: saying what is wrong with it.
        """
        assert self.path is not None
        try:
            check_model_file(Path(self.path))
        except ModelError:
            self.path = self._known_path  # a file of the hub may have been removed from the cache
            raise


class NeededFiles:
    """The file of a model and, where there is one, that of the small model which guesses for it."""

    def __init__(self, config: ModelConfig) -> None:
        self._model = NeededFile(config.path, config.hub_source)
        self._draft = NeededFile(config.draft_path, config.draft_hub_source) if config.has_draft_model else None

    @property
    def missing(self) -> NeededFile | None:
        """The first that has to be fetched; None if all are here."""
        return next((file for file in self._all if file.path is None), None)

    def check(self) -> tuple[str, str | None]:
        """Paths of the model and of the small model, once both have been looked at.

        Raises:
            ModelError: saying what is wrong with one of them.
        """
        for file in self._all:
            file.check()
        assert self._model.path is not None
        return self._model.path, None if self._draft is None else self._draft.path

    @property
    def _all(self) -> list[NeededFile]:
        return [self._model] if self._draft is None else [self._model, self._draft]
