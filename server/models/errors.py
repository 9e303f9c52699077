"""What can be wrong with a model before llama.cpp ever sees it. Each error's text is written for the user.

    ModelError
    |-- InvalidSource              the text that names the model cannot be understood
    |-- ModelFileError             a file on this machine cannot be served
    |   |-- ModelFileMissing
    |   |-- ModelFileUnreadable    a directory, no permission, a failing disk
    |   |-- NotAModelFile          something else than a GGUF language model
    |   |   `-- Accessory          a file that belongs to a model
    |   |-- ModelFileTruncated
    |   `-- ModelFileDamaged
    `-- DownloadError              a file of the hub cannot be had
        |-- HubUnreachable         no network, or the hub is failing
        |-- RepositoryUnknown      or private
        |-- RepositoryGated
        |-- TokenRefused
        |-- RevisionUnknown
        |-- NoMatchingFile
        |-- AmbiguousPattern
        |-- PartsMissing
        |-- TransferInterrupted    the next attempt continues where this one ended
        |-- TransferDamaged
        |-- DiskFull
        `-- CacheUnusable

This module knows neither the hub's client library nor how any of these is found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

MAX_NAMES_LISTED = 20

TOKEN_ADVICE = "set HF_TOKEN to an access token, or run `hf auth login` once"


def format_bytes(num_bytes: int) -> str:
    """A size as people read it, in decimal units as the hub shows them: "98.4 MB"."""
    if num_bytes < 1000:
        return f"{num_bytes} bytes"
    size = float(num_bytes)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def list_names(names: Sequence[str]) -> str:
    """Names in one line; a long list is cut and its rest counted."""
    shown = ", ".join(names[:MAX_NAMES_LISTED])
    num_more = len(names) - MAX_NAMES_LISTED
    return f"{shown} and {num_more} more" if num_more > 0 else shown


class ModelError(Exception):
    """A model cannot be served; `str()` of it tells the user exactly why."""


class InvalidSource(ModelError):
    """`text` names no model."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        super().__init__(
            f"{text!r} names no model: {reason}. A model is the path of a .gguf file, or repo/name:file-or-pattern on "
            f"the Hugging Face hub, such as Qwen/Qwen3-0.6B-GGUF:*Q8_0.gguf"
        )


# --- files on this machine ------------------------------------------------------------------------------------------


class ModelFileError(ModelError):
    """The file at `path` cannot be served."""

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        super().__init__(message)


class ModelFileMissing(ModelFileError):
    def __init__(self, path: Path, detail: str = "") -> None:
        super().__init__(path, f"there is no model file {path}{detail}")


class ModelFileUnreadable(ModelFileError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, f"the model file {path} cannot be read: {reason}")


class NotAModelFile(ModelFileError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, f"{path} is not a GGUF model: {reason}")


class Accessory(NotAModelFile):
    """An adapter, a projector, or the like."""


class ModelFileTruncated(ModelFileError):
    """The file ends too early; `num_expected_bytes` is None when it ends before it says how long it is."""

    def __init__(self, path: Path, num_bytes: int, num_expected_bytes: int | None) -> None:
        self.num_bytes = num_bytes
        self.num_expected_bytes = num_expected_bytes
        missing = (
            "which is in the middle of its header"
            if num_expected_bytes is None
            else f"but its header describes {num_expected_bytes:,} bytes"
        )
        super().__init__(
            path, f"the model file {path} is truncated: it ends after {num_bytes:,} bytes, {missing}; fetch it again"
        )


class ModelFileDamaged(ModelFileError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, f"the model file {path} is damaged: {reason}; fetch it again")


# --- files of the hub -----------------------------------------------------------------------------------------------


class DownloadError(ModelError):
    """A file of the hub cannot be had."""


class HubUnreachable(DownloadError):
    def __init__(self, endpoint: str, reason: str) -> None:
        self.endpoint = endpoint
        self.reason = reason
        super().__init__(f"the model hub {endpoint} cannot be reached ({reason})")


class RepositoryUnknown(DownloadError):
    def __init__(self, repo: str, endpoint: str, *, has_token: bool) -> None:
        self.repo = repo
        remedy = "check that your token may read it" if has_token else TOKEN_ADVICE
        super().__init__(f"there is no repository {repo} on {endpoint}; if it is private, {remedy}")


class RepositoryGated(DownloadError):
    def __init__(self, repo: str, endpoint: str, *, has_token: bool) -> None:
        self.repo = repo
        remedy = "with the account that your token belongs to" if has_token else f"then {TOKEN_ADVICE}"
        super().__init__(f"the repository {repo} is gated: ask for access at {endpoint}/{repo}, {remedy}")


class TokenRefused(DownloadError):
    def __init__(self, repo: str, endpoint: str, status: int, *, has_token: bool) -> None:
        self.repo = repo
        self.status = status
        remedy = "your token is not valid for it; replace or unset HF_TOKEN" if has_token else TOKEN_ADVICE
        super().__init__(f"{endpoint} refuses access to {repo} (HTTP {status}): {remedy}")


class RevisionUnknown(DownloadError):
    def __init__(self, repo: str, revision: str) -> None:
        self.revision = revision
        super().__init__(f"the repository {repo} has no revision {revision!r}")


class NoMatchingFile(DownloadError):
    """No .gguf file of the repository matches; `names` are those it has."""

    def __init__(self, repo: str, pattern: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        have = f"its models are {list_names(names)}" if names else "it has no .gguf file at all"
        super().__init__(f"nothing in {repo} matches {pattern!r}: {have}")


class AmbiguousPattern(DownloadError):
    """Several models match; `names` has one name of each."""

    def __init__(self, repo: str, pattern: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"{pattern!r} matches {len(names)} models of {repo}, name one of them: {list_names(names)}")


class PartsMissing(DownloadError):
    def __init__(self, repo: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"{repo} has only some parts of a split model, missing: {list_names(names)}")


class TransferInterrupted(DownloadError):
    def __init__(self, name: str, num_bytes: int, num_expected_bytes: int, reason: str) -> None:
        self.num_bytes = num_bytes
        self.num_expected_bytes = num_expected_bytes
        super().__init__(
            f"the download of {name} broke off after {format_bytes(num_bytes)} of {format_bytes(num_expected_bytes)} "
            f"({reason}); the next attempt continues from there"
        )


class TransferDamaged(DownloadError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the download of {name} was damaged on its way ({reason}); the next attempt starts it again")


class DiskFull(DownloadError):
    """`num_needed_bytes` are still to be written below `directory`."""

    def __init__(self, directory: Path, num_needed_bytes: int, num_free_bytes: int) -> None:
        self.num_needed_bytes = num_needed_bytes
        self.num_free_bytes = num_free_bytes
        super().__init__(
            f"the disk is too full for the download: {format_bytes(num_needed_bytes)} are still needed, "
            f"{format_bytes(num_free_bytes)} are free in {directory}; make room, or set HF_HUB_CACHE to another place"
        )


class CacheUnusable(DownloadError):
    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(
            f"the download cache {directory} cannot be used: {reason}; "
            "set HF_HUB_CACHE to a directory that can be written"
        )
