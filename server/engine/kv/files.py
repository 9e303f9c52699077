"""Saved states as files: one directory for all models, within one budget of bytes, safe from every interruption.

    <data_dir>/kv/lock                          held while files are written or removed, by whichever engine does it
    <data_dir>/kv/<fingerprint>/<hash>.kv       one state; its modification time says when it was last of use

A file is written under another name and then renamed, and it carries checksums. So a crash, a full disk or a foreign
hand leaves nothing that could be taken for a state. It does not know threads, slots or when a state is worth a file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import time
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from server.engine.kv.cache import State
from server.engine.kv.store import KEPT_LONGER_SECONDS, SavedState
from server.protocol.values import CachePolicy

_PREFIX = struct.Struct("!8sII")
"""Magic, length of the header and checksum of the header."""

_MAGIC = b"parleykv"
_MAX_HEADER_BYTES = 1 << 28
_SUFFIX = ".kv"
_DRAFT_SUFFIX = ".draft"


_Read = Callable[[int], bytes]


class BadFile(Exception):
    """The content of a file does not belong under its name; it may be removed."""


class _Header(msgspec.Struct, frozen=True, array_like=True):
    fingerprint: str
    scope: str
    policy: CachePolicy
    tokens: bytes
    """32-bit token ids in the machine's byte order; another order makes another fingerprint."""
    num_bytes: int
    checksum: int


@dataclass(frozen=True)
class Written:
    """Outcome of writing a state."""

    file_name: str
    removed: list[str]
    """Names of this model's files that it replaces, or that made room for it."""
    num_evicted: int
    """Number of files, of any model, that made room for it."""


class StateDir:
    """The files of one model's states, beside those of other models. Every method may raise OSError."""

    def __init__(self, path: Path, fingerprint: str, max_bytes: int) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._max_bytes = max_bytes
        self._own = path / fingerprint

    def load(self) -> list[SavedState]:
        """All states of this model, the least recently used first, without their data. Other files are removed."""
        with self._locked():
            for draft in self._path.glob(f"*/*{_DRAFT_SUFFIX}"):
                draft.unlink(missing_ok=True)  # its writer died: a living one would hold the lock
            files = sorted(self._own.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)
            return [state for path in files if (state := self._load_state(path)) is not None]

    def write(self, state: SavedState, data: State, replaced: list[str]) -> Written | None:
        """Keep a state, if need be instead of the `replaced` files and the files that were unused longest.

        Returns None, and changes nothing, if the state is larger than the whole budget.
        """
        header = self._header(state, data)
        name = _name_of(state)
        with self._locked():
            evicted = self._make_room(len(header) + data.nbytes, [name, *replaced])
            if evicted is None:
                return None
            draft = self._own / f"{name}{_DRAFT_SUFFIX}"
            try:
                _write_all(draft, header, data)
                draft.rename(self._own / name)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
            _note_use(self._own / name, state)
            for other in replaced:
                if other != name:
                    (self._own / other).unlink(missing_ok=True)
        own = dict.fromkeys([path.name for path in evicted if path.parent == self._own] + replaced)
        own.pop(name, None)
        return Written(name, list(own), len([path for path in evicted if path.name not in replaced]))

    def read(self, state: SavedState) -> State:
        """The data of a state that has a file.

        Raises:
            BadFile: if the file is damaged.
        """
        assert state.file_name is not None
        path = self._own / state.file_name
        with path.open("rb", buffering=0) as file:
            header = self._read_header(file.read)
            if header.tokens != state.tokens.tobytes() or header.scope != state.scope:
                raise BadFile(f"{path} is another state")
            data = np.empty(header.num_bytes, dtype=np.uint8)
            num_read = 0
            while num_read < data.nbytes:
                count = file.readinto(data.data[num_read:])
                if not count:
                    raise BadFile(f"{path} is cut off")
                num_read += count
        if zlib.crc32(data.data) != header.checksum:
            raise BadFile(f"{path} is damaged")
        _note_use(path, state)
        return data

    def remove(self, file_name: str) -> None:
        """Remove a file of this model; harmless when it is gone."""
        with self._locked():
            (self._own / file_name).unlink(missing_ok=True)

    def _load_state(self, path: Path) -> SavedState | None:
        try:
            with path.open("rb", buffering=0) as file:
                header = self._read_header(file.read)
                num_bytes = path.stat().st_size - file.tell()
            tokens = array("i", header.tokens)
            state = SavedState(header.scope, tokens, num_bytes, header.policy, file_name=path.name)
            if header.num_bytes != num_bytes or _name_of(state) != path.name:
                raise BadFile
        except (BadFile, OSError):
            path.unlink(missing_ok=True)
            return None
        return state

    def _make_room(self, num_bytes: int, replaced: list[str]) -> list[Path] | None:
        """Remove files until the new one fits: first the replaced ones, then the least recently used of all models."""
        if num_bytes > self._max_bytes:
            return None
        replaced_paths = {self._own / name for name in replaced}
        files = [(path, path.stat()) for path in self._path.glob(f"*/*{_SUFFIX}")]
        num_held = sum(stat.st_size for _, stat in files)
        removed: list[Path] = []
        for path, stat in sorted(files, key=lambda file: (file[0] not in replaced_paths, file[1].st_mtime)):
            if num_held + num_bytes <= self._max_bytes:
                break
            path.unlink(missing_ok=True)
            num_held -= stat.st_size
            removed.append(path)
        return removed

    def _header(self, state: SavedState, data: State) -> bytes:
        header = msgspec.msgpack.encode(
            _Header(
                fingerprint=self._fingerprint,
                scope=state.scope,
                policy=state.policy,
                tokens=state.tokens.tobytes(),
                num_bytes=data.nbytes,
                checksum=zlib.crc32(data.data),
            )
        )
        return _PREFIX.pack(_MAGIC, len(header), zlib.crc32(header)) + header

    def _read_header(self, read: _Read) -> _Header:
        prefix = read(_PREFIX.size)
        if len(prefix) != _PREFIX.size:
            raise BadFile("too short")
        magic, length, checksum = _PREFIX.unpack(prefix)
        if magic != _MAGIC or length > _MAX_HEADER_BYTES:
            raise BadFile("no state")
        body = read(length)
        if len(body) != length or zlib.crc32(body) != checksum:
            raise BadFile("a damaged header")
        try:
            header = msgspec.msgpack.decode(body, type=_Header)
        except msgspec.DecodeError:
            raise BadFile("another version's header") from None
        if header.fingerprint != self._fingerprint:
            raise BadFile("another model's state")
        return header

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other engines, of this server and of others that share the directory, from changing it."""
        self._own.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _name_of(state: SavedState) -> str:
    digest = hashlib.blake2b(state.scope.encode() + b"\0" + state.tokens.tobytes(), digest_size=16)
    return digest.hexdigest() + _SUFFIX


def _write_all(path: Path, header: bytes, data: State) -> None:
    with open(path, "wb", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        for piece in (memoryview(header), data.data):
            num_written = 0
            while num_written < len(piece):
                num_written += file.write(piece[num_written:])


def _note_use(path: Path, state: SavedState) -> None:
    """Set the modification time. A state that a client said they would come back for counts as used later."""
    now = time.time() + (KEPT_LONGER_SECONDS if state.policy.is_kept_longer else 0.0)
    os.utime(path, (now, now))
