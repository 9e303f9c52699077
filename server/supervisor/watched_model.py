"""The life of one model: fetched, checked, loaded, ready, lost, and all over again for as long as it is wanted.

    unloaded -> downloading -> loading -> ready -> (it dies) -> restarting -> ready, and stalled while it stands still
        ^            |            |         |                      |
        |            +------------+---------)----> failed <--------+        then the next attempt, after a growing delay
        +-------- unloading <---------------+

It decides what should run and tells how things stand. It does not wait or write files: the supervisor's loop calls it
with the time (`now`, in seconds of a steady clock) when somebody wants something, when a child has said something, when
a child has exited and when `deadline` has passed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from server.models.errors import ModelError
from server.protocol.engine_orders import EngineOrder
from server.protocol.model_options import Device
from server.protocol.report import Report
from server.protocol.runtime import ModelState, ModelStatus
from server.supervisor.backoff import Backoff
from server.supervisor.child import Child, describe_exit
from server.supervisor.config import ModelConfig
from server.supervisor.launcher import Launcher
from server.supervisor.needed_file import NeededFile, NeededFiles
from server.supervisor.vigil import Judgement, Vigil
from server.supervisor.wishes import Wishes

logger = logging.getLogger(__name__)

WAS_READY = frozenset({"ready", "stalled", "restarting"})
"""States of a model that has been ready since it was first loaded."""

STARTING = frozenset({"downloading", "loading"})
"""States of a model that is on its way to being ready for the first time."""


class WatchedModel:
    """One model that may be running. `child` is what runs for it at the moment."""

    def __init__(self, config: ModelConfig, launcher: Launcher, engine_timeout_seconds: float) -> None:
        self.config = config
        self.child: Child | None = None
        self._launcher = launcher
        self._backoff = Backoff()
        self._vigil = Vigil(engine_timeout_seconds)
        self._wishes = Wishes()
        self._files = NeededFiles(config)
        self._fetched: NeededFile | None = None
        """File that the child fetches, if the child is a download."""
        self._device: Device = "auto"
        self.needed_bytes = 0
        """Memory of the host that its engine takes, as far as it has said that."""
        self.waits_for_memory_since: float | None = None
        self._has_memory = False
        self.used_at = 0.0
        """When its engine last had something to do, as far as that is known."""
        self.is_busy = False
        self.is_too_large = False
        """The last attempt was refused, since there will never be memory for it."""
        self._status = ModelStatus(state="unloaded", load=config.load, found=config.found)
        self._failure = ""
        self._retry_at: float | None = None
        """When the next attempt is due, whether there will be one or not."""
        self._is_leaving = False
        """The child is to go, and no other is to follow."""
        self._was_kept = False
        """Whether it was to be kept, before it was to make room."""
        self._is_stopping = False
        self.is_given_up = False
        """There is nothing to load any more; it is to be forgotten when `child` has gone."""

    @property
    def status(self) -> ModelStatus:
        return self._status

    @property
    def deadline(self) -> float | None:
        """When `on_time` is due, None when only others can make something happen."""
        if self._status.state in STARTING and self._wishes.deadline is not None:
            return min(self._wishes.deadline, self._child_deadline or self._wishes.deadline)
        return self._child_deadline

    @property
    def _child_deadline(self) -> float | None:
        if self.child is None:
            return self._retry_at if self._status.retry_at is not None else None
        return self._vigil.deadline if self.child.deadline is None else self.child.deadline

    @property
    def is_stopped(self) -> bool:
        return self._is_stopping and self.child is None

    @property
    def held_bytes(self) -> int:
        """Memory of the host that it has or may take now."""
        return self.needed_bytes if self._has_memory else 0

    # --- what others want -----------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin: make the first attempt, if it is to be loaded at the start."""
        if self.config.why_none is not None:
            logger.error("%s: %s", self.config.model_id, self.config.why_none)
            self._note(state="failed", message=self.config.why_none)
        elif self.config.load == "start":
            self.load(now)

    def load(self, now: float, device: Device | None = None) -> None:
        """Load it and keep at it, on another device if that is asked for."""
        self._wishes.is_kept = True
        if device is not None and device != self._device:
            self._device = device
            if self.child is not None and self._fetched is None:
                self._leave(now, EngineOrder("retire"))
        self._attempt_if_possible(now)

    def want(self, who: object, now: float) -> None:
        """Somebody waits for it. A failure that has just happened is theirs, too."""
        self._wishes.add(who)
        if self._retry_at is None or now >= self._retry_at:
            self._attempt_if_possible(now)

    def forget(self, who: object, now: float) -> None:
        """Somebody does not wait for it any more."""
        self._wishes.remove(who)
        self._give_up_if_unwanted(now)

    def expect(self, who: object, now: float) -> None:
        """Somebody does not wait any longer, but will come back soon."""
        self._wishes.remove(who)
        self._wishes.expect(now)

    def unload(self, now: float, *, force: bool) -> None:
        """Have it go, when it has finished its answers or, forced, at once. It has if it is "unloaded"."""
        self._wishes.clear()
        if self._status.load == "start":
            self._note(load="on-demand")
        self._leave(now, None if force else EngineOrder("retire"))

    def go_on(self, now: float) -> None:
        """There is memory for it."""
        assert self.child is not None
        self.waits_for_memory_since, self._has_memory = None, True
        self.child.say(msgspec.json.encode(EngineOrder("go on")))
        self._vigil.hear(0.0, now)
        self.tell("")

    def refuse(self, reason: str, now: float) -> None:
        """There will never be memory for it."""
        self.waits_for_memory_since = None
        self.is_too_large = True
        self._failure = reason
        self._end_child(now)

    def tell(self, message: str) -> None:
        """Say what is going on."""
        self._note(message=message)

    def make_room(self, now: float) -> None:
        """Go, unless it turns out that it has something to do; the next request loads it again."""
        self._was_kept, self._wishes.is_kept = self._wishes.is_kept, False
        self._leave(now, EngineOrder("make room"))

    def give_up(self, now: float) -> None:
        """Its file is gone, or is another: have it go when it has finished its answers, and forget it then."""
        self.is_given_up = True
        self.unload(now, force=False)

    def stop(self, now: float) -> None:
        """End the model; it has stopped once `is_stopped`."""
        self._is_stopping = True
        self._retry_at = None
        self._note(state="stopped", message="the server is stopping", progress=None, retry_at=None)
        self._end_child(now)

    # --- what happens ---------------------------------------------------------------------------------------------

    def on_time(self, now: float) -> None:
        """Do what is due, if anything is."""
        if self._status.state in STARTING:
            self._give_up_if_unwanted(now)
        if self._child_deadline is None or now < self._child_deadline:
            return
        if self.child and self.child.deadline is None:
            self._act_on(self._vigil.check(now), now)
        elif self.child:
            self.child.press(now)
        else:
            self._note(num_restarts=self._status.num_restarts + 1)
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
        self.waits_for_memory_since, self._has_memory = None, False
        self._note(pid=None)
        if self._is_stopping:
            return
        if self._is_leaving:
            self._has_left(now)
        elif self._fetched is not None and self._fetched.path is not None:
            self._attempt(now)
        else:
            name = "the engine" if self._fetched is None else "the download"
            self._fail(self._failure or describe_exit(name, exit_code), now)

    # --- going ----------------------------------------------------------------------------------------------------

    def _give_up_if_unwanted(self, now: float) -> None:
        if self._status.state in STARTING and not self._is_leaving and not self._wishes.are_any(now):
            logger.info("%s: nobody waits for it any more", self.config.model_id)
            self._leave(now, None)

    def _leave(self, now: float, order: EngineOrder | None) -> None:
        """Have the child go: by an order if it can hear one, else by stopping it."""
        self._retry_at = self.waits_for_memory_since = None
        if self.config.why_none is not None:
            return
        if self.child is None:
            self._note(state="unloaded", message="", progress=None, retry_at=None)
            return
        can_hear = self._status.state in ("ready", "stalled", "unloading")
        if order is not None and can_hear:
            self.child.say(msgspec.json.encode(order))
        else:
            self.child.stop(now)
        self._is_leaving = True
        self._note(state="unloading", message="", progress=None, retry_at=None)

    def _stay(self, now: float) -> None:
        """It was to make room, and turned out to have something to do."""
        self._is_leaving = False
        self._wishes.is_kept |= self._was_kept
        self.is_busy, self.used_at = True, now
        self._note(state="ready", message="")

    def _has_left(self, now: float) -> None:
        self._is_leaving = False
        self._backoff = Backoff()
        if self._status.load == "start" and not self._wishes.is_kept:
            self._note(load="on-demand")
        self._note(state="unloaded", message="")
        logger.info("%s is unloaded", self.config.model_id)
        if self._wishes.are_any(now):
            self._attempt_if_possible(now)

    # --- coming ---------------------------------------------------------------------------------------------------

    def _attempt_if_possible(self, now: float) -> None:
        """Make an attempt, unless one is being made or has been successful, or the last child has yet to go."""
        is_over = self._is_stopping or self.is_given_up
        if self.child is None and self.config.why_none is None and not is_over:
            self._attempt(now)

    def _attempt(self, now: float) -> None:
        self._failure = ""
        self.is_too_large = False
        self._retry_at = None
        self._note(retry_at=None)
        self._fetched = self._files.missing
        if self._fetched is None:
            self._start_engine(now)
        else:
            source = self._fetched.hub_source
            assert source is not None
            self._run("downloading", lambda: self._launcher.start_download(source), now)

    def _start_engine(self, now: float) -> None:
        try:
            path, draft_path = self._files.check()
        except ModelError as error:
            self._fail(str(error), now)
            return
        state: ModelState = "restarting" if self._status.state in WAS_READY else "loading"
        self._run(state, lambda: self._launcher.start_engine(self.config, path, draft_path, self._device), now)

    def _run(self, state: ModelState, start: Callable[[], Child], now: float) -> None:
        try:
            self.child = start()
        except OSError as error:
            self._fail(f"no process could be started: {error}", now)
            return
        last_failure = self._status.message if self._status.state in ("failed", "restarting") else ""
        message = f"trying again after this: {last_failure}" if last_failure else ""
        self._note(state=state, progress=None, message=message, pid=self.child.pid)
        if self._fetched is None:
            self._vigil.hear(0.0, now)

    # --- what the child says --------------------------------------------------------------------------------------

    def _hear(self, report: Report, now: float) -> None:
        if self._is_stopping or self._failure:
            return
        if self._is_leaving and report.state not in ("alive", "busy"):
            return  # Whatever it still becomes, it is not wanted.
        hear: dict[str, Callable[[Report, float], None]] = {
            "alive": self._hear_that_it_lives,
            "busy": lambda _, now: self._stay(now),
            "needs": self._hear_what_it_needs,
            "ready": self._hear_that_it_is_ready,
            "downloaded": self._hear_where_the_file_is,
            "failed": self._hear_of_failure,
        }
        hear.get(report.state, self._hear_of_progress)(report, now)

    def _hear_that_it_is_ready(self, _: Report, now: float) -> None:
        self._vigil.end()
        self._backoff.note_ready(now)
        self.is_busy, self.used_at = False, now
        self._note(state="ready", progress=None, message="")
        logger.info("%s is ready", self.config.model_id)

    def _hear_where_the_file_is(self, report: Report, now: float) -> None:
        assert self._fetched is not None
        self._fetched.path = report.path
        self._end_child(now)

    def _hear_of_failure(self, report: Report, now: float) -> None:
        self._failure = report.message or "it failed without saying why"
        self._end_child(now)

    def _hear_that_it_lives(self, report: Report, now: float) -> None:
        self.is_busy = report.idle_seconds is None
        # An engine that has not been used since it is ready counts from then on.
        self.used_at = max(self.used_at, now - (report.idle_seconds or 0.0))
        self._act_on(self._vigil.hear(report.standing_seconds, now), now)
        limit = self.config.idle_unload_seconds
        if self._status.state == "ready" and not self.is_busy and limit is not None and now - self.used_at >= limit:
            self.make_room(now)

    def _hear_what_it_needs(self, report: Report, now: float) -> None:
        self.needed_bytes, self.waits_for_memory_since = report.memory_bytes, now
        self._vigil.end()
        self._note(memory_bytes=report.memory_bytes)

    def _hear_of_progress(self, report: Report, now: float) -> None:
        self._note(progress=report.progress, message=report.message or self._status.message)
        if self._fetched is None:
            self._vigil.hear(0.0, now)

    def _act_on(self, judgement: Judgement, now: float) -> None:
        """Say whether the engine moves, and replace it if it does not any more."""
        assert self.child is not None
        if judgement == "hangs":
            is_loading = self._status.state in ("loading", "restarting")
            what = "made no progress with loading" if is_loading else "stood still"
            self._failure = f"the engine {what} for too long and was killed"
            self.child.kill(now)
        elif judgement == "stalled" and self._status.state == "ready":
            self._note(state="stalled", message="the engine stands still")
        elif judgement == "moves" and self._status.state == "stalled":
            self._note(state="ready", message="")

    def _end_child(self, now: float) -> None:
        """See to it that it leaves, which it should do by itself if it has said its last word."""
        if self.child:
            self.child.stop(now)

    def _fail(self, reason: str, now: float) -> None:
        was_ready = self._status.state in ("ready", "stalled")
        delay = self._backoff.next_delay(now)
        self._retry_at = now + delay
        tries_again = was_ready or (self._wishes.is_kept and not self.is_too_large)
        logger.error("%s: %s%s", self.config.model_id, reason, f"; next attempt in {delay:g} s" if tries_again else "")
        self._note(
            state="restarting" if was_ready else "failed",
            message=reason,
            progress=None,
            retry_at=time.time() + delay if tries_again else None,
        )
        # A crashed engine is replaced at once; after that the loop comes back at `deadline`.
        self.on_time(now)

    def _note(self, **changes: object) -> None:
        self._status = msgspec.structs.replace(self._status, **changes)
