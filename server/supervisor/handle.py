"""The gunicorn master's hold on the supervisor: starts it, notices its death, starts it again, ends it.

The hold is the write end of a pipe that is the supervisor's standard input. Only the master has it, so that the
supervisor sees the end of the file however the master dies. This module does not know what the supervisor does.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from server.protocol.runtime import RuntimeDir
from server.supervisor.backoff import Backoff
from server.supervisor.child import describe_exit
from server.supervisor.config import SupervisorConfig

logger = logging.getLogger("gunicorn.error")

COMMAND = (sys.executable, "-m", "server.supervisor")

# A supervisor takes up to 7 s to get rid of an engine that does not want to go.
_STOP_SECONDS = 12.0


class SupervisorHandle:
    """At most one running supervisor."""

    def __init__(self, config: SupervisorConfig) -> None:
        self.config = config
        self._runtime = RuntimeDir(config.runtime_dir)
        self._backoff = Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._next_start_at = 0.0

    def keep_running(self) -> None:
        """Start it if it does not run and a new attempt is due. Call this often."""
        self._check()
        if self._process is None and time.monotonic() >= self._next_start_at:
            self._start()

    def stop(self) -> None:
        """End it and wait until it has gone, with its engines and the runtime directory."""
        if self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                logger.error("the engine supervisor does not stop, killing it")
                self._process.kill()
                self._process.wait()
            self._let_go()
        self._runtime.remove()

    def abandon(self) -> None:
        """Forget it in a process forked from the master: the hold on it must not outlive the master in there."""
        if self._process:
            self._process.returncode = 0  # It is not ours to wait for, and `subprocess` would complain.
            self._let_go()

    def _check(self) -> None:
        """Notice its death."""
        exit_code = self._process.poll() if self._process else None
        if exit_code is None:
            return
        self._let_go()
        # Its engines die with it, and what it last said of them is not true any more.
        self._runtime.remove_status()
        self._note_failure(describe_exit("the engine supervisor", exit_code))

    def _start(self) -> None:
        try:
            self._process = _spawn(self.config)
        except OSError as error:
            self._note_failure(f"the engine supervisor cannot be started: {error}")
            return
        logger.info("Engine supervisor started with pid: %s", self._process.pid)
        # It counts as ready at once, so the first restart is immediate and a crash loop slows down.
        self._backoff.note_ready(time.monotonic())
        # Only the first one invites the user to a first request.
        self.config = msgspec.structs.replace(self.config, announce_url=None)

    def _note_failure(self, reason: str) -> None:
        delay = self._backoff.next_delay(time.monotonic())
        self._next_start_at = time.monotonic() + delay
        logger.error("%s; next attempt in %g s", reason, delay)

    def _let_go(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        self._process = None


def _spawn(config: SupervisorConfig) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        bufsize=0,
        # There `python -m` finds this very `server` package and not one of the directory we were started in.
        cwd=Path(__file__).parents[2],
        # Signals of the terminal, and those meant for all of gunicorn, stay away from it.
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(config) + b"\n")
    except BrokenPipeError:
        logger.debug("the engine supervisor died before it could be told anything")
    return process
