"""The Hugging Face hub, through its own client: what a repository has, and the bytes of one file from an offset on.

HF_ENDPOINT, HF_TOKEN (or the file that `hf auth login` writes), HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and proxies work
as they do for every user of huggingface_hub. Its exceptions end here: callers see server.models.errors only.

Why the bytes are not fetched by huggingface_hub itself: it throws away what an interrupted download had, over HTTP and
over Xet alike, because each attempt writes to a file of its own (its issue 4196). It still does the rest of the work.
This module is the only one that imports it, which takes a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import httpx2  # the client's own HTTP library: its exceptions come through
from huggingface_hub import (
    HfApi,
    constants,
    get_hf_file_metadata,
    get_session,
    hf_hub_download,
    hf_hub_url,
    hf_raise_for_status,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from server.models.errors import (
    DownloadError,
    HubUnreachable,
    InvalidSource,
    RepositoryGated,
    RepositoryUnknown,
    RevisionUnknown,
    TokenRefused,
)
from server.models.progress import Progress
from server.models.source import HubFile
from server.models.transfer import RemoteFile, Stream

# Larger files are not to be had over plain HTTP, only over Xet.
MAX_HTTP_BYTES = constants.MAX_HTTP_DOWNLOAD_SIZE


@dataclass(frozen=True)
class Listing:
    """Names of a repository's files at one commit, or of those that the cache has."""

    commit: str
    names: tuple[str, ...]


class Hub:
    """The hub at HF_ENDPOINT, with a cache on this machine."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        self.endpoint = constants.ENDPOINT
        self.cache_dir = Path(cache_dir or constants.HF_HUB_CACHE).expanduser().absolute()

    # --- asking the hub; every method may raise a DownloadError ---

    def list_files(self, source: HubFile) -> Listing:
        """Files of the repository as it is now."""
        with self._translated(source.repo, source.revision):
            info = HfApi().model_info(
                source.repo, revision=source.revision, timeout=constants.HF_HUB_ETAG_TIMEOUT, files_metadata=False
            )
        if info.sha is None or info.siblings is None:
            raise HubUnreachable(self.endpoint, "it names no files of the repository")
        return Listing(info.sha, tuple(sibling.rfilename for sibling in info.siblings))

    def describe(self, repo: str, commit: str, name: str) -> RemoteFile | None:
        """Size and checksum of a file, None if the hub does not tell."""
        with self._translated(repo, commit):
            metadata = get_hf_file_metadata(
                hf_hub_url(repo, name, revision=commit), timeout=constants.HF_HUB_ETAG_TIMEOUT
            )
        if metadata.etag is None or metadata.size is None:
            return None
        return RemoteFile(repo, commit, name, metadata.etag, metadata.size)

    @contextmanager
    def open_stream(self, remote: RemoteFile, offset: int) -> Iterator[Stream]:
        """The file's bytes from `offset` on; redirects to a storage host leave the token behind."""
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        url = hf_hub_url(remote.repo, remote.name, revision=remote.commit)
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with (
            self._translated(remote.repo, remote.commit),
            get_session().stream("GET", url, headers=headers, timeout=timeout) as response,
        ):
            hf_raise_for_status(response)
            yield Stream(_first_byte(response), response.iter_raw())

    def download_whole(self, repo: str, commit: str, name: str, progress: Progress) -> Path:
        """Let huggingface_hub link a file whose blob is here, or fetch it in its own way, which cannot be continued."""
        with self._translated(repo, commit):
            path = hf_hub_download(
                repo,
                name,
                revision=commit,
                cache_dir=self.cache_dir,
                tqdm_class=type("Bar", (_Bar,), {"progress": progress}),
            )
        return Path(path)

    # --- asking the cache ---

    def cached_path(self, repo: str, commit: str, name: str) -> Path | None:
        """Where the file lies in the cache, None if it is not there."""
        path = try_to_load_from_cache(repo, name, cache_dir=self.cache_dir, revision=commit)
        return Path(path) if isinstance(path, str) else None

    def list_cached(self, source: HubFile) -> Listing | None:
        """Files of the revision that the cache has, as it was last seen; None if there are none."""
        try:
            folder = snapshot_download(
                source.repo, revision=source.revision, cache_dir=self.cache_dir, local_files_only=True
            )
        except IncompleteSnapshotError as error:
            folder = error.snapshot_path
        except (LocalEntryNotFoundError, HFValidationError):
            return None
        root = Path(folder)
        return Listing(root.name, tuple(path.relative_to(root).as_posix() for path in root.rglob("*.gguf")))

    # --- errors ---

    @contextmanager
    def _translated(self, repo: str, revision: str | None) -> Iterator[None]:
        try:
            yield
        except HfHubHTTPError as error:
            raise self._describe_answer(error, repo, revision) from error
        except HFValidationError as error:
            raise InvalidSource(repo, str(error)) from error
        except OfflineModeIsEnabled as error:
            raise HubUnreachable(self.endpoint, "HF_HUB_OFFLINE is set") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, FileMetadataError, LocalEntryNotFoundError) as error:
            raise HubUnreachable(self.endpoint, str(error) or type(error).__name__) from error
        except ValueError as error:
            raise HubUnreachable(self.endpoint, f"its answer is not one of a model hub: {error}") from error

    def _describe_answer(self, error: HfHubHTTPError, repo: str, revision: str | None) -> DownloadError:
        status = error.response.status_code
        has_token = "authorization" in error.response.request.headers
        if isinstance(error, GatedRepoError):
            return RepositoryGated(repo, self.endpoint, has_token=has_token)
        if isinstance(error, RepositoryNotFoundError):
            return RepositoryUnknown(repo, self.endpoint, has_token=has_token)
        if isinstance(error, RevisionNotFoundError):
            return RevisionUnknown(repo, revision or constants.DEFAULT_REVISION)
        if status in (401, 403):
            return TokenRefused(repo, self.endpoint, status, has_token=has_token)
        return HubUnreachable(self.endpoint, f"it answered with HTTP status {status} {error.response.reason_phrase}")


def _first_byte(response: httpx2.Response) -> int:
    """Where the body begins in the file; "Content-Range: bytes 100-199/200" says so when a part was asked for."""
    if response.status_code != httpx2.codes.PARTIAL_CONTENT:
        return 0
    return int(response.headers["Content-Range"].removeprefix("bytes ").partition("-")[0])


class _Bar:
    """What huggingface_hub takes for a tqdm bar: draws nothing, passes the numbers on."""

    progress: ClassVar[Progress]

    def __init__(self, **options: object) -> None:
        self.total = options.get("total")

    def __enter__(self) -> object:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def update(self, num_bytes: int) -> None:
        """Bytes of the file have been written."""
        self.progress.advance(num_bytes)

    def update_transfer(self, num_bytes: int) -> None:
        """Bytes have come over the network; Xet compresses them, so these are others."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Words beside a drawn bar."""

    def set_transfer_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Words beside a drawn bar."""

    def close(self) -> None:
        """A bar is done."""
