"""A model of the hub becomes a file of this machine: from the cache, or downloaded, or continued.

    ask the hub which files there are (without an answer: what the cache has must do)
      -> choose those that the source means
      -> ask for the size and checksum of each that is not in the cache
      -> see that the disk has room
      -> transfer one after the other
      -> remember what the revision means, for a start without network

Knows neither processes nor how progress is shown.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.models.errors import CacheUnusable, DiskFull, DownloadError, format_bytes
from server.models.hub import MAX_HTTP_BYTES, Hub
from server.models.hub_cache import RepoCache
from server.models.pattern import choose_files
from server.models.progress import Progress
from server.models.source import HubFile
from server.models.transfer import RemoteFile, transfer

DEFAULT_REVISION = "main"


def fetch(source: HubFile, hub: Hub, progress: Progress) -> Path:
    """The path of the model's (first) file. Raises DownloadError or InvalidSource."""
    progress.say(f"looking for {source} on {hub.endpoint}")
    try:
        listing = hub.list_files(source)
    except DownloadError as error:
        # A copy that worked yesterday is better than no server, whatever the hub says today.
        path = _find_cached(source, hub)
        if path is None:
            raise
        progress.say(f"{error}; using the copy in the cache")
        return path
    names = choose_files(source, listing.names)
    return _Fetch(source, listing.commit, hub, progress).files(names)


def _find_cached(source: HubFile, hub: Hub) -> Path | None:
    listing = hub.list_cached(source)
    if listing is None:
        return None
    try:
        names = choose_files(source, listing.names)
    except DownloadError:
        return None
    return hub.cached_path(source.repo, listing.commit, names[0])


class _Fetch:
    """Bringing some files of one commit into the cache."""

    def __init__(self, source: HubFile, commit: str, hub: Hub, progress: Progress) -> None:
        self._source = source
        self._commit = commit
        self._hub = hub
        self._progress = progress
        self._cache = RepoCache(hub.cache_dir, source.repo)

    def files(self, names: tuple[str, ...]) -> Path:
        """Where the first of `names` lies, when all are there."""
        repo = self._source.repo
        paths = {name: self._hub.cached_path(repo, self._commit, name) for name in names}
        missing = [name for name, path in paths.items() if path is None]
        if missing:
            remotes = {name: self._hub.describe(repo, self._commit, name) for name in missing}
            with self._disk_errors(remotes):
                paths |= self._download(remotes, [path for path in paths.values() if path is not None])
        self._remember()
        first = paths[names[0]]
        assert first is not None
        return first

    def _download(self, remotes: dict[str, RemoteFile | None], present: list[Path]) -> dict[str, Path]:
        self._cache.make_folders()
        num_present_bytes = sum(path.stat().st_size for path in present)
        num_needed_bytes = self._num_needed_bytes(remotes)
        if num_needed_bytes > (num_free_bytes := self._cache.num_free_bytes()):
            raise DiskFull(self._hub.cache_dir, num_needed_bytes, num_free_bytes)
        num_remote_bytes = sum(remote.num_bytes for remote in remotes.values() if remote)
        self._progress.begin(
            num_present_bytes + num_remote_bytes, num_present_bytes + num_remote_bytes - num_needed_bytes
        )
        paths = {name: self._one(name, remote) for name, remote in remotes.items()}
        self._progress.finish()
        return paths

    def _one(self, name: str, remote: RemoteFile | None) -> Path:
        if remote is not None and remote.num_bytes <= MAX_HTTP_BYTES and self._cache.is_safe(remote.etag):
            self._continue(remote)
        return self._hub.download_whole(self._source.repo, self._commit, name, self._progress)

    def _continue(self, remote: RemoteFile) -> None:
        """Have the blob in the cache; huggingface_hub then finds it there and only makes the link."""

        def say_waiting() -> None:
            self._progress.say(f"another process is downloading {remote.name}, waiting for it")

        with self._cache.lock(remote.etag, say_waiting):
            num_bytes = self._num_partial_bytes(remote)
            if self._cache.blob(remote.etag).exists():
                return
            if num_bytes:
                self._progress.say(f"continuing the download of {remote.name} after {format_bytes(num_bytes)}")
            transfer(remote, self._cache.partial(remote.etag), self._hub.open_stream, self._progress)
            self._cache.keep(remote.etag)

    def _num_needed_bytes(self, remotes: dict[str, RemoteFile | None]) -> int:
        """Bytes that are still to be written, as far as the hub told sizes."""
        return sum(
            remote.num_bytes - self._num_partial_bytes(remote)
            for remote in remotes.values()
            if remote is not None and not self._cache.blob(remote.etag).exists()
        )

    def _num_partial_bytes(self, remote: RemoteFile) -> int:
        num_bytes = self._cache.num_partial_bytes(remote.etag)
        return num_bytes if num_bytes <= remote.num_bytes else 0

    def _remember(self) -> None:
        try:
            self._cache.remember(self._source.revision or DEFAULT_REVISION, self._commit)
        except OSError as error:
            # A cache that cannot be written may still be read; only a start without network misses this.
            self._progress.say(f"the cache {self._hub.cache_dir} cannot be written ({error.strerror})")

    @contextmanager
    def _disk_errors(self, remotes: dict[str, RemoteFile | None]) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                num_free_bytes = self._cache.num_free_bytes()
                raise DiskFull(self._hub.cache_dir, self._num_needed_bytes(remotes), num_free_bytes) from error
            raise CacheUnusable(self._hub.cache_dir, error.strerror or str(error)) from error
