"""Which files of a repository a source means.

Knows names only, not the hub; so it serves for a listing from the hub and for one of the cache alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from server.models.errors import AmbiguousPattern, NoMatchingFile, PartsMissing
from server.models.source import HubFile
from server.models.split import Part


def choose_files(source: HubFile, names: Iterable[str]) -> tuple[str, ...]:
    """The names of the files that make up the one model that `source` means, the first part first.

    An exact name wins. Otherwise the pattern is a glob that ignores case, matched against the whole name and against
    the name without folders; a word with neither a wildcard nor ".gguf" must stand between separators of the name.
    Raises NoMatchingFile, AmbiguousPattern, PartsMissing.
    """
    available = {name for name in names if name.lower().endswith(".gguf")}
    models = {_all_parts(name) for name in available}
    chosen = [parts for parts in models if source.pattern in parts]
    if not chosen:
        is_match = _matcher(source.pattern)
        chosen = [parts for parts in models if any(is_match(name) for name in parts if name in available)]
    if len(chosen) != 1:
        report = AmbiguousPattern if chosen else NoMatchingFile
        raise report(source.repo, source.pattern, sorted(parts[0] for parts in chosen or models))
    if missing := [name for name in chosen[0] if name not in available]:
        raise PartsMissing(source.repo, missing)
    return chosen[0]


def _all_parts(name: str) -> tuple[str, ...]:
    part = Part.parse(name)
    return part.all_names() if part else (name,)


def _matcher(pattern: str) -> Callable[[str], bool]:
    if not re.search(r"[*?\[]", pattern) and not pattern.lower().endswith(".gguf"):
        word = re.compile(rf"(?:^|[-._/]){re.escape(pattern)}(?=[-./]|$)", re.IGNORECASE)
        return lambda name: word.search(name) is not None
    glob = pattern.lower()

    def is_match(name: str) -> bool:
        name = name.lower()
        return fnmatchcase(name, glob) or fnmatchcase(name.rpartition("/")[2], glob)

    return is_match
