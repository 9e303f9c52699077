"""A stand-in for the engine (or the download) process: speaks the supervisor's protocol and does what it is told.

    python tests/supervisor/fake_engine.py SCRIPT      a JSON list of steps

Steps, done in order; after the last one it lives until its lifeline ends:

    {"report": {...}}           say a Report               {"print": "..."}            say any line
    {"flood": number}           say so many bytes          {"close_stdout": true}      never say anything again
    {"listen": true}            open the engine's socket
    {"sleep": seconds}                                     {"wait": "path"}            until that file exists
    {"exit": code}                                         {"kill": number}            end by that signal
    {"ignore": number}          that signal                {"ignore_lifeline": true}   outlive the end of stdin
    {"busy": "path"}            until that file exists, be busy: do not retire, and make no room
    {"record": "path"}          append "<pid> <monotonic time> <first line of stdin>" to that file
    {"once": "path", "steps": [...]}    if that file does not exist yet, create it and do these
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any


class FakeEngine:
    """One run of a script."""

    def __init__(self, first_line: str) -> None:
        self._config: dict[str, Any] = json.loads(first_line)
        self._obeys_lifeline = True
        self._busy_until: Path | None = None
        self._listener: socket.socket | None = None

    def play(self, steps: list[dict[str, Any]]) -> None:
        for step in steps:
            verb, argument = next(iter(step.items()))
            if verb == "once":
                self._once(Path(argument), step["steps"])
            else:
                getattr(self, f"do_{verb}")(argument)

    def wait_for_end(self) -> None:
        """As the real engine: a thread hears orders, waits for the end of standard input and leaves at once."""
        while orders := os.read(0, 4096):
            if b"go on" in orders:
                continue
            if not self._is_busy:
                os._exit(0)
            if b"make room" in orders:
                self.do_report({"state": "busy"})
            else:
                threading.Thread(target=self._retire, daemon=True).start()
        if self._obeys_lifeline:
            os._exit(0)

    @property
    def _is_busy(self) -> bool:
        return self._busy_until is not None and not self._busy_until.exists()

    def _retire(self) -> None:
        while self._is_busy:
            time.sleep(0.01)
        os._exit(0)

    def _once(self, marker: Path, steps: list[dict[str, Any]]) -> None:
        if not marker.exists():
            marker.touch()
            self.play(steps)

    def do_report(self, report: dict[str, Any]) -> None:
        self.do_print(json.dumps(report))

    def do_print(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def do_flood(self, num_bytes: int) -> None:
        self.do_print("x" * num_bytes)

    def do_sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def do_listen(self, _: object) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._config["socket_path"])
        self._listener.listen()

    def do_exit(self, code: int) -> None:
        os._exit(code)

    def do_kill(self, number: int) -> None:
        os.kill(os.getpid(), number)

    def do_ignore(self, number: int) -> None:
        signal.signal(number, signal.SIG_IGN)

    def do_ignore_lifeline(self, _: object) -> None:
        self._obeys_lifeline = False

    def do_busy(self, path: str) -> None:
        self._busy_until = Path(path)

    def do_close_stdout(self, _: object) -> None:
        os.close(1)

    def do_wait(self, path: str) -> None:
        while not Path(path).exists():
            time.sleep(0.01)

    def do_record(self, path: str) -> None:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {time.monotonic()} {json.dumps(self._config)}\n")


def main() -> None:
    with open(0, encoding="utf-8", closefd=False, buffering=1) as stdin:
        engine = FakeEngine(stdin.readline())
    threading.Thread(target=engine.wait_for_end, daemon=True).start()
    engine.play(json.loads(sys.argv[1]))
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
