"""Reading and writing saved states on threads of their own: the engine's thread never waits for the disk.

Work goes in by `read` and `write`, and its outcome comes out by `results`, all on the engine's thread. It does not know
which states are worth a file, or how a file is laid out.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from server.engine.affinity import Thread
from server.engine.kv.cache import State
from server.engine.kv.files import BadFile, StateDir, Written
from server.engine.kv.store import SavedState

logger = logging.getLogger(__name__)

MAX_QUEUED_BYTES = 256 << 20
"""Bytes waiting to be written above which nothing is added: writing is for later, and must not cost memory now."""

RETRY_SECONDS = 60.0
"""Seconds after a failed write in which nothing is written: the disk is full, or the directory is not ours."""

STUCK_SECONDS = 5.0
"""Seconds after which a prompt that waits for the disk is computed instead."""


@dataclass(frozen=True)
class WasRead:
    """Outcome of a read. `data` is None if the file is gone or damaged."""

    state: SavedState
    data: State | None
    seconds: float


@dataclass(frozen=True)
class WasWritten:
    """Outcome of a write. `written` is None if it failed or was not worth it."""

    state: SavedState
    written: Written | None
    is_failure: bool = False


@dataclass(frozen=True)
class _Write:
    state: SavedState
    data: State
    replaced: list[str]


class Disk:
    """The two threads: a read never waits behind a write."""

    def __init__(self, directory: StateDir) -> None:
        self._directory = directory
        self._reads: queue.SimpleQueue[SavedState] = queue.SimpleQueue()
        self._writes: queue.SimpleQueue[_Write] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[WasRead | WasWritten] = queue.SimpleQueue()
        self._reading_since: dict[SavedState, float] = {}
        self._num_queued_bytes = 0
        self._num_writing = 0
        self._lock = threading.Condition()
        self._retry_at = 0.0
        self.on_read: Callable[[], None] = lambda: None
        """Called on another thread whenever something was read."""

    def start(self) -> list[SavedState]:
        """Find the states on disk, and start the threads. The directory need not be usable, now or ever."""
        try:
            states = self._directory.load()
        except OSError as error:
            self._note_failure(error)
            states = []
        for target in (self._read_all, self._write_all):
            Thread(target=target, daemon=True, name="kv disk").start()
        return states

    @property
    def is_stuck(self) -> bool:
        """Whether a read takes so long that it is better not to wait for it."""
        return any(time.monotonic() - since > STUCK_SECONDS for since in self._reading_since.values())

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be written for now."""
        return self._num_queued_bytes > MAX_QUEUED_BYTES or time.monotonic() < self._retry_at

    def read(self, state: SavedState) -> None:
        if state not in self._reading_since:
            self._reading_since[state] = time.monotonic()
            self._reads.put(state)

    def write(self, state: SavedState, data: State, replaced: list[str]) -> None:
        with self._lock:
            self._num_writing += 1
            self._num_queued_bytes += data.nbytes
        self._writes.put(_Write(state, data, replaced))

    def results(self) -> list[WasRead | WasWritten]:
        """Outcomes since the last call."""
        found: list[WasRead | WasWritten] = []
        while not self._results.empty():
            result = self._results.get()
            if isinstance(result, WasRead):
                del self._reading_since[result.state]
            found.append(result)
        return found

    def wait_until_written(self, timeout_seconds: float) -> bool:
        """Wait, on any thread, until nothing is left to be written. Returns whether that is so."""
        with self._lock:
            return self._lock.wait_for(lambda: self._num_writing == 0, timeout_seconds)

    # --- the threads ---

    def _read_all(self) -> None:
        while True:
            state = self._reads.get()
            started = time.perf_counter()
            data = self._try_to_read(state)
            self._results.put(WasRead(state, data, time.perf_counter() - started))
            self.on_read()

    def _try_to_read(self, state: SavedState) -> State | None:
        try:
            return self._directory.read(state)
        except FileNotFoundError:
            return None  # another engine needed the room
        except BadFile as error:
            logger.warning("a saved KV cache is removed: %s", error)
        except OSError as error:
            logger.warning("a saved KV cache cannot be read: %s", error)
        try:
            self._directory.remove(state.file_name or "")
        except OSError as error:
            logger.debug("and it cannot be removed: %s", error)
        return None

    def _write_all(self) -> None:
        while True:
            work = self._writes.get()
            written, is_failure = None, True
            if time.monotonic() >= self._retry_at:
                try:
                    written, is_failure = self._directory.write(work.state, work.data, work.replaced), False
                    self._retry_at = 0.0
                except OSError as error:
                    self._note_failure(error)
            self._results.put(WasWritten(work.state, written, is_failure))
            with self._lock:
                self._num_writing -= 1
                self._num_queued_bytes -= work.data.nbytes
                self._lock.notify_all()

    def _note_failure(self, error: OSError) -> None:
        """Log the first failure as a warning, and further ones for debugging only until writing has gone well again."""
        level = logging.DEBUG if self._retry_at else logging.WARNING
        logger.log(level, "the KV cache cannot be kept on disk: %s; trying again after %g s", error, RETRY_SECONDS)
        self._retry_at = time.monotonic() + RETRY_SECONDS
