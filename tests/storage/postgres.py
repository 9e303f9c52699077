"""A PostgreSQL to test with: the one that PARLEY_TEST_DATABASE_URL names, or a cluster of our own that is thrown away.

Each test gets a database of its own. A cluster of our own can also be stopped, killed and started again.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg2

from tests.live_server import free_port, kill_all

URL_VARIABLE = "PARLEY_TEST_DATABASE_URL"
DEBIAN_PROGRAMS = "/usr/lib/postgresql"
HOW_TO_GET_IT = (
    f"PostgreSQL is not installed: install it (Debian, Ubuntu: apt-get install postgresql), or set {URL_VARIABLE}"
)


def find_programs() -> Path | None:
    """The directory with initdb and postgres; the newest version where there are several."""
    versions = sorted(Path(DEBIAN_PROGRAMS).glob("*/bin/postgres"), key=lambda path: int(path.parts[-3].split(".")[0]))
    if versions:
        return versions[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path and shutil.which("initdb") else None


def is_possible() -> bool:
    return bool(os.environ.get(URL_VARIABLE)) or find_programs() is not None


class Cluster:
    """PostgreSQL on a free port of the loopback interface, with its files in a temporary directory."""

    def __init__(self, programs: Path, **options: str) -> None:
        """`options` are PostgreSQL's."""
        self._programs = programs
        self._more_options = options
        # Short: there are sockets in it.
        self._directory = Path(tempfile.mkdtemp(prefix="parley-pg-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def __enter__(self) -> Cluster:
        if os.geteuid() == 0:
            shutil.chown(self._directory, "postgres", "postgres")
        data = str(self._directory / "data")
        self._call("initdb", "--pgdata", data, "--auth=trust", "--username=parley", "--encoding=UTF8", "--no-sync")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"postgresql://parley@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Returns when it answers."""
        log = (self._directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(self._directory / "data"), *self._options),
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        self._await_answer()

    @property
    def _options(self) -> list[str]:
        values: dict[str, object] = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._directory,
            "max_connections": 100,
            # A killed process loses nothing by it; only a power failure would.
            "fsync": "off",
            **self._more_options,
        }
        return [part for name, value in values.items() for part in ("-c", f"{name}={value}")]

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT disconnects everybody, SIGQUIT also forgoes the clean end, so that the next start has to recover."""
        if self._process is None:
            return
        if number == signal.SIGKILL:
            # While one of its processes lives, it cannot be started again; each is in a session of its own.
            postmaster = psutil.Process(self._process.pid)
            kill_all([postmaster, *postmaster.children(recursive=True)])
        else:
            self._signal_postmaster(number)
        self._process.wait()
        self._process = None

    def _signal_postmaster(self, number: signal.Signals) -> None:
        # Not the process that we started, which may be a wrapper that changes the user.
        pid = int((self._directory / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, number)

    def _await_answer(self) -> None:
        assert self._process is not None
        while self._process.poll() is None:
            try:
                psycopg2.connect(self.url).close()
            except psycopg2.OperationalError:
                continue
            return
        raise RuntimeError((self._directory / "log").read_text())

    def _call(self, *command: str) -> None:
        done = subprocess.run(self._command(*command), capture_output=True, text=True, cwd="/", check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    def _command(self, program: str, *arguments: str) -> list[str]:
        """As another user where we are root, whom PostgreSQL refuses."""
        as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        return [*as_other, str(self._programs / program), *arguments]


@contextmanager
def temporary_database(server_url: str) -> Iterator[str]:
    """The URL of a new database that is dropped afterwards."""
    name = f"parley_{secrets.token_hex(6)}"
    _execute(server_url, f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        _execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _execute(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        connection.cursor().execute(statement)
    finally:
        connection.close()
