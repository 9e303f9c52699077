"""How large the chat page is as it was built, and how many packages that takes. It opens no browser.

Sizes are those of gzip, as the server sends them.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = re.compile(r"[\w-]+\.(?:js|css|svg)")
ASSET = re.compile(r'(?:src|href)="/assets/([^"]+)"')
IMPORT = re.compile(r'from\s*"\./([\w.-]+\.js)"|import\s*"\./([\w.-]+\.js)"')
KILOBYTE = 1000


@dataclass(frozen=True)
class PageSize:
    """Kilobytes."""

    to_ask: float
    """What a browser fetches before somebody can ask: the page, its styles, its icon and its first scripts."""
    to_read: float
    """What follows at once: what draws questions and answers."""
    late: dict[str, float]
    """Parts that are fetched when they are wanted, by the beginnings of their names."""


@dataclass(frozen=True)
class PackageCount:
    """Packages of the npm registry, without those that only other platforms install."""

    to_build: int
    in_all: int
    """With those that check and test."""


def page_size(dist: Path) -> PageSize:
    """Of a page that was built into `dist`."""
    html = (dist / "index.html").read_text(encoding="utf-8")
    first = set(ASSET.findall(html))
    built = of_this_build(dist / "assets", first)
    following = needed_by(dist / "assets", {one_of(built, "Transcript"), one_of(built, "stream")}) - first
    kilobytes = {name: compressed(dist / "assets" / name) for name in built if name.endswith((".js", ".css"))}
    icons = sum(compressed(dist / "assets" / name) for name in first - kilobytes.keys())
    return PageSize(
        to_ask=compressed(dist / "index.html") + icons + sum(kilobytes[name] for name in first & kilobytes.keys()),
        to_read=sum(kilobytes[name] for name in following),
        late={name.partition("-")[0]: kilobytes[name] for name in kilobytes.keys() - first - following},
    )


def of_this_build(assets: Path, first: set[str]) -> set[str]:
    """What the first files name, and so on: beside them there may be files of the build before."""
    return reached(assets, first, lambda text: {name for name in NAME.findall(text) if (assets / name).is_file()})


def one_of(names: set[str], beginning: str) -> str:
    (name,) = (name for name in names if name.startswith(f"{beginning}-") and name.endswith(".js"))
    return name


def needed_by(assets: Path, names: set[str]) -> set[str]:
    """They and all that they import at once, directly or not."""
    return reached(assets, names, lambda text: {first or second for first, second in IMPORT.findall(text)})


def reached(assets: Path, names: set[str], named_in: Callable[[str], set[str]]) -> set[str]:
    """They and all that the scripts among them lead to, by what is named in each."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        if name.endswith(".js"):
            waiting |= named_in((assets / name).read_text(encoding="utf-8")) - found
    return found


def compressed(path: Path) -> float:
    return len(gzip.compress(path.read_bytes(), 9)) / KILOBYTE


def package_count(lock_file: Path) -> PackageCount:
    lock: dict[str, Any] = json.loads(lock_file.read_text(encoding="utf-8"))
    packages = [package for place, package in lock["packages"].items() if place and not package.get("optional")]
    return PackageCount(to_build=sum(not package.get("dev") for package in packages), in_all=len(packages))
