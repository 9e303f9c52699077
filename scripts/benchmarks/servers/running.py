"""Starts and stops the servers that are measured: Parley and llama-server, with equal threads, slots and context.

It knows command lines, environment variables and how each server says that it is ready; it sends no work.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.asking.client import Address

CHECKOUT = Path(__file__).resolve().parents[3]
START_SECONDS = 600.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.05
HOST = "127.0.0.1"


class ServerDied(RuntimeError):
    """The server ended by itself; the message carries its last lines."""


class NotReady(RuntimeError):
    """The server lives, but its model did not load in time."""


@dataclass(frozen=True)
class Setup:
    """What all servers of a comparison have in common."""

    model: Path
    num_slots: int
    n_ctx: int
    """Tokens per sequence."""
    num_threads: int


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    name: str
    address: Address
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


@contextmanager
def parley(setup: Setup, scratch: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Parley from this checkout; `settings` are further `PARLEY_` variables. No settings of the caller's get in."""
    port = free_port()
    config = scratch / "parley.toml"
    config.touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")} | {
        "TMPDIR": str(scratch),
        "PARLEY_CONFIG": str(config),
        "PARLEY_BIND": f"{HOST}:{port}",
        "PARLEY_DATA_DIR": str(scratch / "data"),
        "PARLEY_MODEL": str(setup.model),
        "PARLEY_SLOTS": str(setup.num_slots),
        "PARLEY_N_CTX": str(setup.n_ctx),
        "PARLEY_THREADS": str(setup.num_threads),
        **(settings or {}),
    }
    command = [sys.executable, "-m", "gunicorn"]
    with running("parley", command, environment, port, "/readyz", scratch) as server:
        yield server


def engine_socket(scratch: Path) -> Path:
    """Where the engine of a running Parley with this scratch directory listens."""
    return next(scratch.glob("*/engine-0.sock"))


@contextmanager
def llama_server(setup: Setup, program: Path, scratch: Path, *options: str) -> Iterator[Server]:
    """llama.cpp's own server, with further options; its context is that of all slots together."""
    port = free_port()
    # fmt: off
    command = [
        str(program), "--model", str(setup.model), "--host", HOST, "--port", str(port),
        "--parallel", str(setup.num_slots), "--ctx-size", str(setup.n_ctx * setup.num_slots),
        "--threads", str(setup.num_threads), "--no-ui", *options,
    ]
    # fmt: on
    with running("llama-server", command, dict(os.environ), port, "/health", scratch) as server:
        yield server


@contextmanager
def running(
    name: str, command: list[str], environment: Mapping[str, str], port: int, ready_path: str, scratch: Path
) -> Iterator[Server]:
    """The server from the moment it is ready until it has ended."""
    log = scratch / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=output, cwd=CHECKOUT)
    server = Server(name, Address(HOST, port), process, log)
    try:
        wait_until_ready(server, ready_path)
        yield server
        check_alive(server)
    except OSError:
        check_alive(server)  # says more than a refused connection
        raise
    finally:
        stop(process)


def wait_until_ready(server: Server, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while status_of(server.address, path) != 200:
        check_alive(server)
        if time.monotonic() > deadline:
            raise NotReady(f"{server.name} was not ready after {START_SECONDS:.0f} s:\n{server.tail()}")
        time.sleep(POLL_SECONDS)


def check_alive(server: Server) -> None:
    if server.process.poll() is not None:
        raise ServerDied(f"{server.name} ended with {server.process.returncode}:\n{server.tail()}")


def status_of(address: Address, path: str) -> int | None:
    """The status of a GET, None while nobody answers."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; a server that does not is killed, and that is said."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"bench: process {process.pid} did not end within {STOP_SECONDS:.0f} s", file=sys.stderr)
        process.kill()
        process.wait()
