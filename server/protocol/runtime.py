"""The runtime directory: where the processes of one running server find each other.

    <temporary directory>/parley-xxxxxxxx/      private to the user, made by the gunicorn master
        engine-0123456789ab.sock, ...           one AF_UNIX socket per engine that is ready, named after its model
        supervisor.sock                         where the supervisor takes orders, see `server.protocol.control`
        status.json                             written by the supervisor, read by everybody

It knows file names and the shape of the status. It does not know who starts what, sockets, HTTP or models.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from server.protocol.model_options import LoadPolicy

RUNTIME_DIR_VARIABLE = "_PARLEY_RUNTIME_DIR"

STARTED_VARIABLE = "_PARLEY_STARTED_AT"
"""When the server was started, in seconds since the epoch; new settings and new workers change nothing about that."""

ModelState = Literal[
    "unloaded", "downloading", "loading", "ready", "stalled", "failed", "restarting", "unloading", "stopped"
]
"""A model that is stalled has an engine that stands still; it may go on, and will be replaced if it does not. One that
is unloading finishes its answers and takes no new requests."""

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
_MAX_SOCKET_PATH_BYTES = 103


_PREFIX, _DRAFT_PREFIX = "parley-", ".parley-"
_NAME = re.compile(r"parley-[a-z0-9_]{8}")
"""What `tempfile` makes of the prefix; other directories may have it, too."""

_NUM_HEX_DIGITS = 12

_FILE_NAME = re.compile(r"engine-[0-9a-f]+\.sock|supervisor\.sock|status\.(json|new)")


class FoundModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that no settings name: it lies in one of the folders that they name."""

    path: str
    is_embedding: bool = False


class ModelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """State of one model, for everybody to read."""

    state: ModelState
    progress: float | None = None
    """Share of the download or the load that is done, from 0 to 1; None when it is not known."""
    message: str = ""
    """Sentence for people: what is going on, or exactly why the last attempt failed."""
    pid: int | None = None
    """Process id of the engine, or of the download; None while there is neither."""
    num_restarts: int = 0
    retry_at: float | None = None
    """Seconds since the epoch at which the next attempt is due; None when none is planned."""
    memory_bytes: int | None = None
    """Memory of the host that its engine takes or will take; None while that is not known."""
    load: LoadPolicy = "start"
    """When it is loaded from now on: one that was to be loaded at the start and was unloaded later is "on-demand"."""

    found: FoundModel | None = None
    """Where it was found, if it was."""

    @property
    def is_in_order(self) -> bool:
        """Whether it is as it should be: ready, or not loaded because nobody has asked for it yet."""
        return self.state == "ready" or self.load != "start"

    @property
    def can_answer(self) -> bool:
        """Whether a request would be answered, be it after a while."""
        return self.state == "ready" or (self.state == "unloaded" and self.load == "on-demand")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """States of all models, as the supervisor tells them; empty until it has told any."""

    models: dict[str, ModelStatus] = {}
    pid: int | None = None
    """Process id of the supervisor."""
    bind: str = ""
    """The setting of that name, by which those who share the server's settings know it from others."""

    @property
    def is_ready(self) -> bool:
        """Whether all models are there that are to be there without being asked for."""
        return (bool(self.models) or self.pid is not None) and all(model.is_in_order for model in self.models.values())


class RuntimeDir:
    """The paths inside one runtime directory."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._held: int | None = None
        self._read: tuple[tuple[int, int], Status] | None = None
        """The status that was read last, and what tells its file from others."""

    @classmethod
    def create(cls) -> RuntimeDir:
        """A new, empty, private one whose paths are short enough for sockets, held for as long as it is in use.

        It has its name only when it is held, so that no other server takes it for one that was left behind.
        """
        parent = _short_parent()
        draft = RuntimeDir(tempfile.mkdtemp(prefix=_DRAFT_PREFIX, dir=parent))
        held = draft.hold()
        path = os.path.join(parent, _PREFIX + draft.path.name.removeprefix(_DRAFT_PREFIX))
        draft.path.rename(path)
        created = cls(path)
        created._held = held
        return created

    @classmethod
    def remove_abandoned(cls) -> None:
        """Remove what servers left behind all of whose processes were killed. What anybody holds stays."""
        for entry in os.scandir(_short_parent()):
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                cls(entry.path)._remove_if_abandoned()

    @classmethod
    def find(cls, bind: str) -> RuntimeDir | None:
        """That of a server of this user which runs with this setting; None if there is none."""
        for path in Path(_short_parent()).iterdir():
            if _NAME.fullmatch(path.name) and path.is_dir() and path.lstat().st_uid == os.getuid():
                found = cls(path)
                if found.read_status().bind == bind and found._is_held:
                    return found
        return None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> RuntimeDir | None:
        """The one that this process was started for; None outside of a running server."""
        path = environ.get(RUNTIME_DIR_VARIABLE)
        return cls(path) if path else None

    @property
    def status_file(self) -> Path:
        return self.path / "status.json"

    @property
    def control_socket(self) -> Path:
        return self.path / "supervisor.sock"

    def engine_socket(self, model_id: str) -> Path:
        """Where the engine of that model listens while it is ready; an id may be too long for a file's name."""
        return self.path / f"engine-{hashlib.sha256(model_id.encode()).hexdigest()[:_NUM_HEX_DIGITS]}.sock"

    def remove_engine_sockets(self) -> None:
        """Forget what an earlier supervisor's engines left behind."""
        for socket in self.path.glob("engine-*.sock"):
            socket.unlink(missing_ok=True)

    def read_status(self) -> Status:
        """The latest status; an empty one when nothing has been written yet or all is over."""
        try:
            found = self.status_file.stat()
            mark = found.st_ino, found.st_mtime_ns
            if self._read is None or self._read[0] != mark:
                self._read = mark, msgspec.json.decode(self.status_file.read_bytes(), type=Status)
        except FileNotFoundError:
            return Status()
        return self._read[1]

    def write_status(self, status: Status) -> None:
        """Replace the status in one step, so that no reader ever sees half of it."""
        draft = self.status_file.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(status))
        draft.replace(self.status_file)

    def remove_status(self) -> None:
        """Say that nothing is known: nobody may go on believing a supervisor that died."""
        self.status_file.unlink(missing_ok=True)

    def hold(self) -> int:
        """Let nobody take it for abandoned, nor for old by programs that clean temporary directories of old files.

        Returns a file descriptor: it holds until that is closed, here and in every process that has inherited it.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return descriptor

    def let_go(self) -> None:
        """Stop holding what `create` made."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def remove(self) -> None:
        """Remove the directory and all in it; harmless when it is gone already."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _is_held(self) -> bool:
        """Whether anybody holds it, so that what it says is true."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _remove_if_abandoned(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return  # it is gone, or somebody else's
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.fstat(descriptor).st_uid == os.getuid()
            if is_ours and all(_FILE_NAME.fullmatch(name) for name in os.listdir(descriptor)):
                self.remove()
        except OSError:
            pass  # somebody holds it
        finally:
            os.close(descriptor)


def _short_parent() -> str:
    """The usual temporary directory, unless it lies so deep that a socket in it could not have a name."""
    usual = tempfile.gettempdir()
    longest = os.path.join(usual, "parley-xxxxxxxx", f"engine-{'0' * _NUM_HEX_DIGITS}.sock")
    return usual if len(os.fsencode(longest)) <= _MAX_SOCKET_PATH_BYTES else "/tmp"
