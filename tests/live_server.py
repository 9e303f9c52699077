"""A real server for tests: gunicorn, supervisor and engine as a user starts them, on a free port.

Knows how to start, watch, kill and stop it; it does not know what is tested.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil

CHECKOUT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 120
"""How long anything may take before a test gives up; only reached when something is broken."""

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str) -> T:
    """Poll until `condition` returns something true, and return that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def free_port() -> int:
    """A port that neither a listener has nor, until it is used, a client of some other test may be given.

    Systems give clients ports from 32768 on.
    """
    while True:
        port = secrets.choice(range(10_000, 32_768))  # `random` may have been given a seed by a test
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """Returns when they have ended; some may have before.

    They may still be in the table of processes: orphans stay there until the first process of the machine, which in a
    container may take its time, asks for their exit codes.
    """
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until(lambda: not alive(processes), "the end of killed processes")


class LiveServer:
    """A server in processes of its own. `settings` are PARLEY_ variables without the prefix, in lower case; those that
    are None are left to the server.

    Its engines have one thread. Several would wait for each other, at each layer of a model for the one whose core
    another test or server has at the moment.

    As a context manager it is started, until its models are ready unless `waits` is false, and killed in the end.
    """

    def __init__(self, command: list[str] | None = None, waits: bool = True, **settings: object) -> None:
        self._waits = waits
        self.port = free_port()
        self.data_dir = tempfile.TemporaryDirectory(prefix="parley-test-")
        self._command = command or [sys.executable, "-m", "gunicorn"]
        self._settings = {
            "bind": f"127.0.0.1:{self.port}",
            "data_dir": self.data_dir.name,
            "workers": os.environ.get("PARLEY_TEST_WORKERS", "1"),
            "n_ctx": 2048,
            "threads": 1,
            **settings,
        }
        self.log_path = Path(self.data_dir.name) / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def kv_dir(self) -> Path:
        """Where KV cache is kept on disk, if it is."""
        return Path(self.data_dir.name) / "kv"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def variables(self) -> dict[str, str]:
        """The settings as environment variables, for `parley` beside the server."""
        return {f"PARLEY_{name.upper()}": str(value) for name, value in self._settings.items() if value is not None}

    def start(self) -> LiveServer:
        environ = {name: value for name, value in os.environ.items() if "PARLEY_" not in name}
        # Threads that spin would fight with the tests' own processes over the cores.
        environ |= {"OMP_WAIT_POLICY": "passive", "TMPDIR": self.data_dir.name}
        environ |= self.variables
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=CHECKOUT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until(self.is_alive, "the first HTTP answer")
            if self._waits:
                self.wait_until_ready()
        except BaseException:
            print(self.log)
            self.__exit__()
            raise
        return self

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Ask the server to end and return its exit code. Nothing of it may be left then."""
        assert self.process is not None
        family = self.family()
        self.process.send_signal(signal_number)
        exit_code = self.process.wait(PATIENCE_SECONDS)
        wait_until(lambda: not alive(family), "the end of all processes")
        return exit_code

    def kill(self) -> None:
        """End everything at once, whatever state it is in."""
        family = self.family() if self.process is not None and self.process.poll() is None else []
        kill_all(family)
        if self.process is not None:
            self.process.wait()

    def __enter__(self) -> LiveServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.data_dir.cleanup()

    # --- what is running ---

    def family(self) -> list[psutil.Process]:
        """All processes of the server, the gunicorn master first."""
        assert self.process is not None
        try:
            master = psutil.Process(self.process.pid)
            return [master, *master.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def members(self, module: str) -> list[psutil.Process]:
        """Processes of the server that run `python -m module`."""
        return [process for process in self.family() if module in command_line(process)]

    @property
    def supervisor(self) -> psutil.Process:
        return wait_until(lambda: self.members("server.supervisor"), "the supervisor")[0]

    @property
    def engine(self) -> psutil.Process:
        return wait_until(lambda: self.members("server.engine.host.process"), "the engine")[0]

    @property
    def workers(self) -> list[psutil.Process]:
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "server.supervisor" not in command_line(child)]

    # --- plain HTTP ---

    def is_alive(self) -> bool:
        assert self.process is None or self.process.poll() is None, f"the server has ended:\n{self.log}"
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False

    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, "the model")

    def get(self, path: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, JSON body and headers (names in lower case) of a GET."""
        return self.request("GET", path)

    def post(self, path: str, body: object) -> tuple[int, dict[str, Any], dict[str, str]]:
        return self.request("POST", path, json.dumps(body).encode())

    def refusal(self, path: str, body: object) -> str | None:
        """How the server refuses a new request while it shuts down; None if it does not refuse it."""
        try:
            status, answer, _ = self.post(path, body)
        except OSError:
            return "connection refused"
        return str(answer["error"]["code"]) if status == 503 else None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        request = urllib.request.Request(self.origin + path, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                return response.status, _json(response.read()), _lower(response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read()), _lower(error.headers)


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and _status(process) != psutil.STATUS_ZOMBIE]


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return str(psutil.STATUS_ZOMBIE)


def _json(data: bytes) -> dict[str, Any]:
    return json.loads(data) if data else {}


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def parley(server: LiveServer, *arguments: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command beside the server, with the server's settings."""
    run = subprocess.run(
        [sys.executable, "-m", "server.cli.commands", *arguments],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if "PARLEY_" not in name} | server.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == exit_code, run.stderr
    return run
