"""One repository's place in the cache that all clients of the Hugging Face hub share on a machine.

The layout is documented with huggingface_hub ("Understand caching"): blobs/<etag> has a file's content,
snapshots/<commit>/<name> links to it, refs/<revision> names a commit. huggingface_hub writes the snapshots; it does not
keep the partial file of an interrupted transfer, so that is done here. This module knows no network.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_POLL_SECONDS = 0.2

_SAFE_ETAG = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,199}", re.ASCII)


class RepoCache:
    """Where files of the model repository `repo` lie below `cache_dir`."""

    def __init__(self, cache_dir: Path, repo: str) -> None:
        self._folder = cache_dir / f"models--{repo.replace('/', '--')}"
        self._locks = cache_dir / ".locks" / self._folder.name

    @staticmethod
    def is_safe(etag: str) -> bool:
        """Whether a server's word may become a file name."""
        return _SAFE_ETAG.fullmatch(etag) is not None

    def blob(self, etag: str) -> Path:
        return self._folder / "blobs" / etag

    def partial(self, etag: str) -> Path:
        """What an interrupted transfer left; the name is one that `hf cache prune` recognises."""
        return self._folder / "blobs" / f"{etag}.incomplete"

    def num_partial_bytes(self, etag: str) -> int:
        try:
            return self.partial(etag).stat().st_size
        except FileNotFoundError:
            return 0

    def make_folders(self) -> None:
        (self._folder / "blobs").mkdir(parents=True, exist_ok=True)
        self._locks.mkdir(parents=True, exist_ok=True)

    def num_free_bytes(self) -> int:
        """On the disk that blobs are written to; the folders must exist."""
        return shutil.disk_usage(self._folder / "blobs").free

    def keep(self, etag: str) -> None:
        """The partial file is complete and becomes the blob."""
        self.partial(etag).replace(self.blob(etag))

    def remember(self, revision: str, commit: str) -> None:
        """`revision` is now known to mean `commit`, which is what a start without network will believe."""
        ref = self._folder / "refs" / revision
        if revision == commit or (ref.exists() and ref.read_text() == commit):
            return
        ref.parent.mkdir(parents=True, exist_ok=True)
        draft = ref.with_name(f"{ref.name}.{os.getpid()}.tmp")
        draft.write_text(commit)
        draft.replace(ref)

    @contextmanager
    def lock(self, etag: str, on_wait: Callable[[], None]) -> Iterator[None]:
        """Nobody else downloads this blob, not even other users of huggingface_hub; `on_wait` is called before waiting.

        On a file system that cannot lock, everybody goes ahead: all write the same bytes to the same places.
        """
        with open(self._locks / f"{etag}.lock", "wb") as file:
            is_waiting = False
            while not _try_lock(file.fileno()):
                if not is_waiting:
                    is_waiting = True
                    on_wait()
                time.sleep(LOCK_POLL_SECONDS)
            yield


def _try_lock(file_descriptor: int) -> bool:
    try:
        fcntl.flock(file_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
