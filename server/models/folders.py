"""Folders of models: which GGUF files lie there, which of them are models, and what is wrong with those that are not.

    model        a file, or the first part of a split model; with how it is to be served
    accessory    a LoRA adapter, a projector, an importance matrix: belongs to a model, and is none
    damaged      neither, with a sentence that says why

What has not changed is not read again, so scanning often costs next to nothing. It does not know what becomes of a
model, or what it is called by those who ask for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from server.models.errors import Accessory, ModelFileError
from server.models.gguf_file import check_model_file
from server.models.gguf_header import GGUFHeader
from server.models.split import Part

RANKS = 4
"""GGUF's number for models that rank texts."""


@dataclass(frozen=True)
class FoundFile:
    """A GGUF file in one of the folders."""

    path: Path
    folder: Path
    """The folder that was scanned; `path` may lie deeper."""
    kind: Literal["model", "accessory", "damaged"]
    problem: str = ""
    """Sentence for people: why it is no model."""
    is_embedding: bool = False
    """Whether it makes vectors, by its own word."""


Stamp = tuple[tuple[int, int, int], ...]
"""What changes when a file does: of each part inode, size, and time of the last change."""


class ModelFolders:
    """Remembers what it has read."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._known: dict[Path, tuple[Stamp, FoundFile]] = {}

    def scan(self) -> list[FoundFile]:
        """All files as they are now, in the order of the folders and of their names."""
        known: dict[Path, tuple[Stamp, FoundFile]] = {}
        for folder in self._folders:
            for path in _gguf_files(folder):
                if path not in known and (found := self._look(path, folder)):
                    known[path] = found
        self._known = known
        return [file for _, file in known.values()]

    def _look(self, path: Path, folder: Path) -> tuple[Stamp, FoundFile] | None:
        """What is known of a file, or is found out now; None if it has just gone."""
        stamp = _stamp(path)
        if not stamp:
            return None
        known = self._known.get(path)
        return known if known and known[0] == stamp else (stamp, _examined(path, folder))


def _gguf_files(folder: Path) -> Iterator[Path]:
    """Files that may be models, of a split model only the first part unless that is missing; none in hidden folders."""
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = set(names)
        for name in sorted(names):
            part = Part.parse(name)
            is_led = part is not None and part.number != 1 and part.all_names()[0] in here
            if name.lower().endswith(".gguf") and not name.startswith(".") and not is_led:
                yield Path(directory, name)


def _stamp(path: Path) -> Stamp:
    part = Part.parse(path.name)
    names = part.all_names() if part else (path.name,)
    found = []
    for name in names:
        try:
            status = path.with_name(name).stat()
        except OSError:
            continue
        found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _examined(path: Path, folder: Path) -> FoundFile:
    try:
        header = check_model_file(path)
    except Accessory as error:
        return FoundFile(path, folder, "accessory", str(error))
    except ModelFileError as error:
        return FoundFile(path, folder, "damaged", str(error))
    return FoundFile(path, folder, "model", is_embedding=_is_embedding(header))


def _is_embedding(header: GGUFHeader) -> bool:
    """Whether the file says how the vectors of its tokens become that of a text."""
    architecture = header.strings.get("general.architecture", "")
    return header.numbers.get(f"{architecture}.pooling_type", 0) not in (0, RANKS)
