"""The life of one model: fetched, checked, loaded, ready, lost, and all over again until it is told to stop.

    downloading -> loading -> ready -> (it dies) -> restarting -> ready, and stalled while a ready one stands still
         |            |                                 |
         +------------+------> failed <-----------------+       then the next attempt, after a growing delay

It decides what should run and tells how things stand. It does not wait or write files: the supervisor's loop calls it
with the time (`now`, in seconds of a steady clock) when a child has said something, when a child has exited and when
`deadline` has passed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from server.models.errors import ModelError
from server.protocol.report import Report
from server.protocol.runtime import ModelState, ModelStatus
from server.supervisor.backoff import Backoff
from server.supervisor.child import Child, describe_exit
from server.supervisor.config import ModelConfig
from server.supervisor.launcher import Launcher
from server.supervisor.needed_file import NeededFile
from server.supervisor.vigil import Judgement, Vigil

logger = logging.getLogger(__name__)

WAS_READY = frozenset({"ready", "stalled", "restarting"})
"""States of a model that has been ready since it was first loaded."""


class WatchedModel:
    """One model that should be running. `child` is what runs for it at the moment."""

    def __init__(self, config: ModelConfig, launcher: Launcher, engine_timeout_seconds: float) -> None:
        self.config = config
        self.child: Child | None = None
        self._launcher = launcher
        self._backoff = Backoff()
        self._vigil = Vigil(engine_timeout_seconds)
        self._model_file = NeededFile(config.path, config.hub_source)
        self._draft_file = NeededFile(config.draft_path, config.draft_hub_source) if config.has_draft_model else None
        self._fetched: NeededFile | None = None
        """File that the child fetches, if the child is a download."""
        self._status = ModelStatus(state="downloading" if self._missing_file else "loading")
        self._failure = ""
        self._retry_at: float | None = None
        self._is_stopping = False

    @property
    def status(self) -> ModelStatus:
        return self._status

    @property
    def deadline(self) -> float | None:
        """When `on_time` is due, None when only a child can make something happen."""
        if self.child is None:
            return self._retry_at
        return self._vigil.deadline if self.child.deadline is None else self.child.deadline

    @property
    def is_stopped(self) -> bool:
        return self._is_stopping and self.child is None

    def start(self, now: float) -> None:
        """Make the first attempt."""
        if self.config.why_none is None:
            self._attempt(now)
        else:
            logger.error("%s: %s", self.config.model_id, self.config.why_none)
            self._note(state="failed", message=self.config.why_none)

    def stop(self, now: float) -> None:
        """Give up the model; it has stopped once `is_stopped`."""
        self._is_stopping = True
        self._retry_at = None
        self._note(state="stopped", message="the server is stopping", progress=None, retry_at=None)
        if self.child:
            self.child.stop(now)

    def on_time(self, now: float) -> None:
        """Do what is due, if anything is."""
        if self.deadline is None or now < self.deadline:
            return
        if self.child and self.child.deadline is None:
            self._act_on(self._vigil.check(now), now)
        elif self.child:
            self.child.press(now)
        else:
            self._retry_at = None
            self._note(num_restarts=self._status.num_restarts + 1, retry_at=None)
            self._attempt(now)

    def on_output(self, now: float) -> None:
        """Hear what the child has said."""
        assert self.child is not None
        for line in self.child.read_lines():
            try:
                report = msgspec.json.decode(line, type=Report)
            except msgspec.MsgspecError:
                logger.info("%s: %s", self.config.model_id, line.decode(errors="replace"))
            else:
                self._hear(report, now)

    def on_exit(self, exit_code: int, now: float) -> None:
        """The child has exited, with a code or by a signal (negative)."""
        assert self.child is not None
        self.on_output(now)
        self.child.close()
        self.child = None
        self._vigil.end()
        self._note(pid=None)
        if self._is_stopping:
            return
        if self._fetched is not None and self._fetched.path is not None:
            self._attempt(now)
        else:
            name = "the engine" if self._fetched is None else "the download"
            self._fail(self._failure or describe_exit(name, exit_code), now)

    # --- what happens ---------------------------------------------------------------------------------------------

    def _attempt(self, now: float) -> None:
        self._failure = ""
        self._fetched = self._missing_file
        if self._fetched is None:
            self._start_engine(now)
        else:
            source = self._fetched.hub_source
            assert source is not None
            self._run("downloading", lambda: self._launcher.start_download(source), now)

    @property
    def _files(self) -> list[NeededFile]:
        return [self._model_file] if self._draft_file is None else [self._model_file, self._draft_file]

    @property
    def _missing_file(self) -> NeededFile | None:
        return next((file for file in self._files if file.path is None), None)

    def _start_engine(self, now: float) -> None:
        try:
            for file in self._files:
                file.check()
        except ModelError as error:
            self._fail(str(error), now)
            return
        path = self._model_file.path
        draft_path = self._draft_file.path if self._draft_file else None
        assert path is not None
        state: ModelState = "restarting" if self._status.state in WAS_READY else "loading"
        self._run(state, lambda: self._launcher.start_engine(self.config, path, draft_path), now)

    def _run(self, state: ModelState, start: Callable[[], Child], now: float) -> None:
        try:
            self.child = start()
        except OSError as error:
            self._fail(f"no process could be started: {error}", now)
            return
        last_failure = self._status.message if self._status.state in ("failed", "restarting") else ""
        message = f"trying again after this: {last_failure}" if last_failure else ""
        self._note(state=state, progress=None, message=message, pid=self.child.pid)

    def _hear(self, report: Report, now: float) -> None:
        if self._is_stopping or self._failure:
            return
        if report.state == "failed":
            self._failure = report.message or "it failed without saying why"
            self._end_child(now)
        elif report.state == "downloaded":
            assert self._fetched is not None
            self._fetched.path = report.path
            self._end_child(now)
        elif report.state == "alive":
            self._act_on(self._vigil.hear(report.standing_seconds, now), now)
        elif report.state == "ready":
            self._backoff.note_ready(now)
            self._note(state="ready", progress=None, message="")
            logger.info("%s is ready", self.config.model_id)
        else:
            self._note(progress=report.progress, message=report.message or self._status.message)

    def _act_on(self, judgement: Judgement, now: float) -> None:
        """Say whether the engine moves, and replace it if it does not any more."""
        assert self.child is not None
        if judgement == "hangs":
            self._failure = "the engine stood still for too long and was killed"
            self.child.kill(now)
        elif judgement == "stalled":
            self._note(state="stalled", message="the engine stands still")
        elif self._status.state == "stalled":
            self._note(state="ready", message="")

    def _end_child(self, now: float) -> None:
        """It has said its last word and should leave by itself; see to it that it does."""
        assert self.child is not None
        self.child.stop(now)

    def _fail(self, reason: str, now: float) -> None:
        was_ready = self._status.state in ("ready", "stalled")
        delay = self._backoff.next_delay(now)
        logger.error("%s: %s; next attempt in %g s", self.config.model_id, reason, delay)
        self._retry_at = now + delay
        self._note(
            state="restarting" if was_ready else "failed", message=reason, progress=None, retry_at=time.time() + delay
        )
        # A crashed engine is replaced at once; after that the loop comes back at `deadline`.
        self.on_time(now)

    def _note(self, **changes: object) -> None:
        self._status = msgspec.structs.replace(self._status, **changes)
