"""One process of the supervisor: started with one line on its standard input, heard line by line, stopped for sure.

The child's standard input stays open for as long as it should live: should the supervisor die, however suddenly, the
kernel closes it and the child leaves. This module does not know what children say or do.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

# A child that floods its output without ever ending a line must not fill the supervisor's memory.
_MAX_LINE_BYTES = 1 << 16

# How a child is asked to go, ever less politely: what is sent, and how long it is given after that.
_STOP_STEPS: tuple[tuple[signal.Signals | None, float], ...] = (
    (None, 5.0),  # its standard input is closed
    (signal.SIGTERM, 2.0),
    (signal.SIGKILL, 60.0),
)


class Child:
    """A running process. Nothing here ever waits, except `__init__` for the process to exist."""

    def __init__(self, command: Sequence[str], first_line: bytes, environ: Mapping[str, str]) -> None:
        """Start `command` and hand it `first_line`. Raises OSError when there is no such program or no room for it."""
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=dict(environ)
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        os.set_blocking(self._stdout.fileno(), False)
        self._partial_line = b""
        self._is_silent = False
        self._next_stop_step = 0
        self._deadline: float | None = None
        self.say(first_line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout_fd(self) -> int:
        return self._stdout.fileno()

    @property
    def is_silent(self) -> bool:
        """Whether it has closed its standard output, so that nothing more will come."""
        return self._is_silent

    @property
    def deadline(self) -> float | None:
        """When `press` is due; None while the child is not being stopped."""
        return self._deadline

    def read_lines(self) -> list[bytes]:
        """The lines that have arrived since the last call, without their ends."""
        # As much as a pipe holds: one call is enough after its exit, and a flood of output cannot keep us here.
        data = self._stdout.read(1 << 16)
        self._is_silent = data == b""
        lines = (self._partial_line + (data or b"")).split(b"\n")
        self._partial_line = lines.pop()[:_MAX_LINE_BYTES]
        return [line for line in lines if line.strip()]

    def say(self, line: bytes) -> None:
        """Write a short line to its standard input, unless it is being stopped."""
        try:
            self._stdin.write(line + b"\n")
        except (BrokenPipeError, ValueError):
            pass  # It is dead already, and its exit code will tell why; or its input is closed.

    def exit_code(self) -> int | None:
        """None while it runs, then its exit code, or the negated number of the signal that killed it."""
        return self._process.poll()

    def stop(self, now: float) -> None:
        """Begin to stop it; from then on call `press` whenever `deadline` has passed."""
        if self._deadline is None:
            self.press(now)

    def press(self, now: float) -> None:
        """Take the next step of stopping: close its input, SIGTERM, SIGKILL."""
        step, seconds = _STOP_STEPS[min(self._next_stop_step, len(_STOP_STEPS) - 1)]
        self._next_stop_step += 1
        self._deadline = now + seconds
        if step is None:
            self._stdin.close()
        else:
            self._process.send_signal(step)

    def kill(self, now: float) -> None:
        """Take the last step at once: it hangs, and would not hear another."""
        self._next_stop_step = len(_STOP_STEPS) - 1
        self.press(now)

    def close(self) -> None:
        """Let go of its pipes, once it has exited."""
        self._stdin.close()
        self._stdout.close()


def describe_exit(name: str, exit_code: int) -> str:
    """Sentence about the end of `name`, such as "the engine"."""
    if exit_code == -signal.SIGKILL:
        return f"{name} was killed by SIGKILL (out of memory?)"
    if exit_code < 0:
        return f"{name} was killed by {_signal_name(-exit_code)}"
    if exit_code == 0:
        return f"{name} ended unexpectedly (exit code 0)"
    return f"{name} failed with exit code {exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
