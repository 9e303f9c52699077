"""Where the chat page lies when `scripts/web` has built it: in a checkout, or in a wheel that was made of one.

It knows names and kinds of files, and nothing of HTTP. Files are read anew each time, so a page that is built while the
server runs is the next one that somebody gets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HOW_TO_BUILD = "scripts/web build"

KINDS = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}
"""Content types by the end of the name; other files are none of the page's."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", re.ASCII)
"""Of one file in its folder: neither a path nor a hidden file."""


@dataclass(frozen=True)
class PageFile:
    content: bytes
    content_type: str
    compressed: bytes | None
    """The same by gzip, if the build has found that worth while."""


@dataclass(frozen=True)
class ChatPage:
    folder: Path

    @property
    def is_built(self) -> bool:
        return (self.folder / "index.html").is_file()

    def index(self) -> PageFile | None:
        """The page itself; None if it is not built."""
        return _read(self.folder, "index.html")

    def licenses(self) -> PageFile | None:
        """Those of the packages that are in the page."""
        return _read(self.folder, "licenses.txt")

    def asset(self, name: str) -> PageFile | None:
        """What the page loads; None if there is no file of that name."""
        return _read(self.folder / "assets", name)

    def icon(self) -> PageFile | None:
        names = sorted(path.name for path in (self.folder / "assets").glob("icon-*.svg"))
        return self.asset(names[0]) if names else None


INSTALLED = ChatPage(Path(__file__).parent / "web" / "dist")


def _read(folder: Path, name: str) -> PageFile | None:
    kind = KINDS.get(name.rpartition(".")[2])
    if kind is None or not _NAME.fullmatch(name):
        return None
    content = _content(folder / name)
    return None if content is None else PageFile(content, kind, _content(folder / f"{name}.gz"))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
