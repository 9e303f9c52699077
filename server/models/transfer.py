"""Bringing one file over, from wherever the last attempt ended, and proving that it is the right one.

Knows neither HTTP nor the cache's layout: it is given a way to open the file's bytes from an offset on, and a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from server.models.errors import HubUnreachable, TransferDamaged, TransferInterrupted
from server.models.progress import Progress

# How long to wait before the next connection, by how many connections in a row brought nothing.
RETRY_DELAYS_SECONDS = (0.2, 1.0, 2.0, 4.0, 8.0)

_READ_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class RemoteFile:
    """One file of the hub, at one commit."""

    repo: str
    commit: str
    name: str
    etag: str
    """The SHA-256 of a large file, which a model always is; something else for small ones."""
    num_bytes: int


@dataclass(frozen=True)
class Stream:
    """The bytes of a file from `start` on. A server may ignore the wish for an offset and start at 0."""

    start: int
    chunks: Iterable[bytes]


OpenStream = Callable[[RemoteFile, int], AbstractContextManager[Stream]]


def transfer(
    remote: RemoteFile,
    partial: Path,
    open_stream: OpenStream,
    progress: Progress,
    retry_delays_seconds: tuple[float, ...] = RETRY_DELAYS_SECONDS,
) -> None:
    """Make `partial` the complete, verified file.

    Raises TransferInterrupted (`partial` stays, for the next attempt), TransferDamaged (it is gone), other
    DownloadErrors of `open_stream`, and OSError of the disk.
    """
    num_failures = 0
    with closing(PartialFile(remote, partial)) as file:
        while file.num_bytes < remote.num_bytes:
            num_bytes_before = file.num_bytes
            reason = _receive(remote, file, open_stream, progress)
            if file.num_bytes >= remote.num_bytes:
                break
            num_failures = num_failures + 1 if file.num_bytes <= num_bytes_before else 0
            if num_failures >= len(retry_delays_seconds):
                raise TransferInterrupted(remote.name, file.num_bytes, remote.num_bytes, reason)
            progress.say(f"the download of {remote.name} was interrupted ({reason}), continuing")
            time.sleep(retry_delays_seconds[num_failures])
        file.verify()


def _receive(remote: RemoteFile, file: PartialFile, open_stream: OpenStream, progress: Progress) -> str:
    """Append what one connection brings; why there was no more."""
    try:
        with open_stream(remote, file.num_bytes) as stream:
            if stream.start not in (0, file.num_bytes):
                return f"the hub sent bytes from {stream.start} on instead of {file.num_bytes}"
            if stream.start != file.num_bytes:
                progress.advance(-file.num_bytes)
                file.restart()
            for chunk in stream.chunks:
                file.append(chunk)
                progress.advance(len(chunk))
    except HubUnreachable as error:
        return error.reason
    return "the connection was closed"


class PartialFile:
    """A file that grows at its end, with the checksum of what it holds.

    Data is written at its own offset, not just appended: should two processes ever write at once (on a file system
    whose locks do not work), both write the same bytes to the same places.
    """

    def __init__(self, remote: RemoteFile, path: Path) -> None:
        self._remote = remote
        self._path = path
        self._hash = hashlib.sha256()
        self.num_bytes = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._read_existing()

    def close(self) -> None:
        os.close(self._file)

    def _read_existing(self) -> None:
        """What an earlier attempt left counts; more than the whole file can only be rubbish."""
        num_existing_bytes = os.fstat(self._file).st_size
        if num_existing_bytes > self._remote.num_bytes:
            self.restart()
            return
        while data := os.pread(self._file, min(_READ_BYTES, num_existing_bytes - self.num_bytes), self.num_bytes):
            self._count(data)

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self.num_bytes += len(data)

    def append(self, data: bytes) -> None:
        if self.num_bytes + len(data) > self._remote.num_bytes:
            self._reject(f"it is longer than {self._remote.num_bytes:,} bytes")
        rest = memoryview(data)
        offset = self.num_bytes
        while rest:
            num_written = os.pwrite(self._file, rest, offset)
            offset += num_written
            rest = rest[num_written:]
        self._count(data)

    def restart(self) -> None:
        os.ftruncate(self._file, 0)
        self._hash = hashlib.sha256()
        self.num_bytes = 0

    def verify(self) -> None:
        """Compare the checksum and have the disk really hold the data; the file is called complete afterwards."""
        if _SHA256.fullmatch(self._remote.etag) and self._hash.hexdigest() != self._remote.etag:
            self._reject(f"its SHA-256 is {self._hash.hexdigest()} and not {self._remote.etag}")
        os.fsync(self._file)

    def _reject(self, reason: str) -> None:
        self._path.unlink(missing_ok=True)
        raise TransferDamaged(self._remote.name, reason)
