"""A GGUF file that an engine needs: on this machine already, or to be fetched from the hub first.

Knows paths and names; fetching it is the launcher's business, and when to do so the watched model's.
"""

from __future__ import annotations

from pathlib import Path

from server.models.errors import ModelError
from server.models.gguf_file import check_model_file


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
