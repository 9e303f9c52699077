"""Keeps status.json up to date without writing it for every per mille of progress. Knows no models' life."""

from __future__ import annotations

import logging

import msgspec

from server.protocol.runtime import RuntimeDir, Status

logger = logging.getLogger(__name__)

_PROGRESS_INTERVAL_SECONDS = 0.2
_RETRY_INTERVAL_SECONDS = 5.0


class StatusWriter:
    """Writes at once what matters, and mere progress five times a second at most."""

    def __init__(self, runtime: RuntimeDir) -> None:
        self._runtime = runtime
        self._written: Status | None = None
        self._next_progress_at = 0.0
        self._deadline: float | None = None

    @property
    def deadline(self) -> float | None:
        """When a progress that was held back may be written; None when the file is up to date."""
        return self._deadline

    def update(self, status: Status, now: float) -> None:
        """Let the file say `status`, now or at `deadline` (call again then)."""
        if status == self._written:
            self._deadline = None
        elif now >= self._next_progress_at or self._says_more_than_progress(status):
            self._write(status, now)
        else:
            self._deadline = self._next_progress_at

    def _write(self, status: Status, now: float) -> None:
        try:
            self._runtime.write_status(status)
        except OSError as error:
            # A full disk must not cost us the engines.
            logger.error("the status cannot be written: %s", error)
            self._deadline = now + _RETRY_INTERVAL_SECONDS
        else:
            self._written, self._deadline = status, None
            self._next_progress_at = now + _PROGRESS_INTERVAL_SECONDS

    def _says_more_than_progress(self, status: Status) -> bool:
        return self._written is None or _without_progress(status) != _without_progress(self._written)


def _without_progress(status: Status) -> Status:
    models = {
        model_id: msgspec.structs.replace(model, progress=None, message="")
        if model.state in ("downloading", "loading", "restarting")
        else model
        for model_id, model in status.models.items()
    }
    return msgspec.structs.replace(status, models=models)
