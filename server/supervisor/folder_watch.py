"""Scans folders again and again on a thread of its own, and wakes the supervisor's loop when something has changed.

It does not know what becomes of what it finds.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from server.models.folders import FoundFile, ModelFolders

logger = logging.getLogger(__name__)

SCAN_SECONDS = 2.0
"""Seconds between two scans."""


class FolderWatch:
    """The files of some folders. `wake_fd` becomes readable when they have changed."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = ModelFolders([Path(folder) for folder in folders])
        self.wake_fd, self._wake_end = os.pipe()
        os.set_blocking(self.wake_fd, False)
        self._found: list[FoundFile] | None = None

    def start(self) -> None:
        """Scan from now on."""
        threading.Thread(target=self._scan, daemon=True, name="folders").start()

    def take(self) -> list[FoundFile]:
        """The files of the last scan."""
        try:
            os.read(self.wake_fd, 4096)
        except BlockingIOError:
            pass
        return self._found or []

    def _scan(self) -> None:
        while True:
            try:
                found = self._folders.scan()
            except Exception:
                logger.exception("the folders of models cannot be scanned")
            else:
                if found != self._found:
                    self._found = found
                    os.write(self._wake_end, b"!")
            time.sleep(SCAN_SECONDS)
