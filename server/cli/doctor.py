"""What could keep this machine from serving, in plain sentences: `parley doctor`.

Looks and never changes anything. llama.cpp is tried in a process of its own, because a build for another processor
dies from a signal; nothing here loads a model.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from server.models.catalogue import Catalogue
from server.models.errors import ModelFileError
from server.models.gguf_file import check_model_file
from server.models.source import HubFile, LocalFile, ModelSource, NoModel
from server.settings import Settings
from server.settings.bind import TcpAddress, UnixAddress
from storage.db.address import parse_address
from storage.db.inspection import inspect
from storage.errors import StorageUnavailable

OLDEST_PYTHON = (3, 10)
NEWEST_PYTHON = (3, 13)
"""The newest one that the tests ran on."""

_LLAMA_CPP_REPORT = """
import llama_cpp
print(llama_cpp.__version__)
print("with a GPU backend" if llama_cpp.llama_supports_gpu_offload() else "for the CPU only")
print(llama_cpp.llama_print_system_info().decode())
"""


@dataclass(frozen=True)
class Finding:
    is_good: bool
    sentence: str


def examine(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    """One finding after the other; the server can serve when all are good."""
    yield examine_python(sys.version_info[:2])
    yield examine_llama_cpp()
    for spec in catalogue.models:
        yield examine_model(f"Model {spec.id}", spec.source)
        if spec.draft_source is not None:
            yield examine_model(f"The draft model of {spec.id}", spec.draft_source)
    yield examine_address(settings.address)
    yield examine_data_dir(settings.data_dir)
    yield examine_database(settings.storage_url)


def examine_python(version: tuple[int, int]) -> Finding:
    sentence = f"Python {platform.python_version()} at {sys.executable}"
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return Finding(True, f"{sentence}.")
    oldest, newest = (".".join(map(str, supported)) for supported in (OLDEST_PYTHON, NEWEST_PYTHON))
    return Finding(False, f"{sentence}; Parley is made for {oldest} to {newest}.")


def examine_llama_cpp(python: str = sys.executable) -> Finding:
    outcome = subprocess.run(
        [python, "-c", _LLAMA_CPP_REPORT], capture_output=True, text=True, errors="replace", check=False
    )
    if outcome.returncode == 0:
        version, backend, *system = outcome.stdout.splitlines()
        return Finding(True, f"llama-cpp-python {version}, compiled {backend} ({' '.join(system).strip()}).")
    if outcome.returncode == -signal.SIGILL:
        return Finding(False, "llama.cpp was compiled for another processor; compile it here, see scripts/README.md.")
    last_line = (outcome.stderr.strip().splitlines() or [f"exit code {outcome.returncode}"])[-1]
    return Finding(False, f"llama.cpp cannot be used ({last_line}); run scripts/install.")


def examine_model(name: str, source: ModelSource) -> Finding:
    """What `name`, the beginning of a sentence, is, and whether it can be loaded."""
    match source:
        case NoModel(message):
            return Finding(False, f"There is no model: {message}.")
        case HubFile():
            return Finding(True, f"{name} is {source} on the hub, fetched at the start unless it is cached.")
        case LocalFile(path):
            return _examine_file(name, path)


def _examine_file(name: str, path: Path) -> Finding:
    try:
        check_model_file(path)
    except ModelFileError as error:
        return Finding(False, f"{name}: {error}.")
    return Finding(True, f"{name} is {path} ({path.stat().st_size / 1e6:,.0f} MB).")


def examine_address(address: TcpAddress | UnixAddress) -> Finding:
    if isinstance(address, UnixAddress):
        return _examine_unix_address(Path(address.path))
    name = f"{address.host} port {address.port}"
    try:
        infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with closing(socket.socket(infos[0][0], socket.SOCK_STREAM)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(infos[0][4])
    except OSError as error:
        return Finding(False, f"The address {name} cannot be used: {error.strerror}. Does a server run there already?")
    return Finding(True, f"The address {name} is free.")


def _examine_unix_address(path: Path) -> Finding:
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return Finding(False, f"The socket {path} cannot be made: {path.parent} is no directory that can be written.")
    with closing(socket.socket(socket.AF_UNIX)) as client:
        if client.connect_ex(os.fspath(path)) == 0:
            return Finding(False, f"The socket {path} is in use: a server runs there already.")
    return Finding(True, f"The socket {path} is free.")


def examine_data_dir(path: Path) -> Finding:
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            False, f"The data directory {path} cannot be used: {existing} is no directory that can be written."
        )
    return Finding(True, f"The data directory {path} {'can be written' if existing == path else 'can be made'}.")


def examine_database(url: str) -> Finding:
    address = parse_address(url)
    try:
        state = inspect(address)
    except StorageUnavailable as error:
        return Finding(False, f"The database cannot be used: {error.reason}.")
    if state is None:
        return Finding(True, "There is no database yet; the first start makes it.")
    sentence = f"The database is {state.name} ({state.size_bytes / 1e6:,.1f} MB)"
    if state.problems:
        return Finding(False, f"{sentence}: {', '.join(state.problems)}.")
    steps = [f"the next start applies {', '.join(state.missing_migrations)}"] if state.missing_migrations else []
    remarks = [*steps, *state.remarks] or ["up to date"]
    return Finding(True, f"{sentence}: {', '.join(remarks)}.")
