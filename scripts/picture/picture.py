"""The picture of one checkout: its figures, and as text for people and JSON for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.picture.boxes import Arrow, arrows_between_boxes, box_of, circles, folders, layered, room_of, upward
from scripts.picture.imports import Checkout
from scripts.picture.sizes import function_lengths, num_lines

NUM_LARGEST = 5
"""Files and rooms that are named as the largest."""


@dataclass(frozen=True)
class Sized:
    """Something that has a name and a size."""

    name: str
    size: int


@dataclass(frozen=True)
class Room:
    """A folder with its packages and loose modules as boxes."""

    name: str
    num_boxes: int
    num_arrows: int
    """Pairs of boxes of which one imports something of the other."""


@dataclass(frozen=True)
class Picture:
    """A checkout at a glance."""

    num_rooms: int
    """Folders that hold modules."""
    num_arrows: int
    """Pairs of rooms of which one imports something of the other."""
    rooms: list[Room]
    """All folders with boxes, those with most boxes first."""
    circles: list[list[str]]
    """Boxes of one folder that lead to each other."""
    upward: list[Arrow]
    """Arrows between boxes that would have to go for there to be no circle."""
    num_files: int
    num_lines: int
    num_functions: int
    median_function_lines: float
    longest_function: Sized
    largest_files: list[Sized]

    def as_text(self) -> str:
        rows = [
            ("rooms", f"{self.num_rooms}"),
            ("arrows between rooms", f"{self.num_arrows}"),
            ("circles", f"{len(self.circles)}"),
            *(("", " <-> ".join(circle)) for circle in self.circles),
            ("arrows that run upward", f"{len(self.upward)}"),
            *(("", f"{importer} -> {imported}") for importer, imported in self.upward),
            *(("widest rooms", _in_words(room)) for room in self.rooms[:NUM_LARGEST]),
            ("files", f"{self.num_files:,}"),
            ("lines", f"{self.num_lines:,}"),
            ("functions", f"{self.num_functions:,}"),
            ("median function, lines", f"{self.median_function_lines:g}"),
            ("longest function, lines", f"{self.longest_function.size}  {self.longest_function.name}"),
            *(("largest files, lines", f"{file.size}  {file.name}") for file in self.largest_files),
        ]
        return "\n".join(f"{name:<24}  {value}" for name, value in rows)

    def as_json(self) -> str:
        """Everything in one line, with numbers for what only has to become fewer."""
        figures: dict[str, Any] = {
            "num_rooms": self.num_rooms,
            "num_arrows": self.num_arrows,
            "num_circles": len(self.circles),
            "num_upward": len(self.upward),
            "num_files": self.num_files,
            "num_lines": self.num_lines,
            "num_functions": self.num_functions,
            "median_function_lines": self.median_function_lines,
            "longest_function_lines": self.longest_function.size,
            "largest_file_lines": self.largest_files[0].size,
            "rooms": {room.name: [room.num_boxes, room.num_arrows] for room in self.rooms},
        }
        return json.dumps({"benchmark": "rooms", "figures": figures})


def picture_of(checkout: Checkout) -> Picture:
    """Raises ValueError for a checkout without any function."""
    arrows = list(checkout.arrows())
    packages = folders(checkout.sources)
    rooms = {name: room_of(name, packages) for name in checkout.sources}
    in_folders = [arrows_between_boxes(folder, arrows) for folder in packages]
    functions = list(_functions(checkout))
    if not functions:
        raise ValueError(f"{checkout.root} has no Python code of ours")
    return Picture(
        num_rooms=len(set(rooms.values())),
        num_arrows=len({(rooms[one], rooms[other]) for one, other in arrows if rooms[one] != rooms[other]}),
        rooms=sorted((_room(folder, checkout) for folder in packages if folder), key=lambda room: -room.num_boxes),
        circles=[circle for between in in_folders for circle in circles(between)],
        upward=[arrow for between in in_folders for arrow in upward(between, layered(between))],
        num_files=len(checkout.sources),
        num_lines=sum(file.size for file in _files(checkout)),
        num_functions=len(functions),
        median_function_lines=statistics.median(function.size for function in functions),
        longest_function=_largest(functions),
        largest_files=sorted(_files(checkout), key=lambda file: -file.size)[:NUM_LARGEST],
    )


def _largest(sized: Iterable[Sized]) -> Sized:
    return max(sized, key=lambda one: one.size)


def _room(folder: str, checkout: Checkout) -> Room:
    boxes = {box_of(folder, name) for name in checkout.sources if name != folder} - {None}
    return Room(folder, len(boxes), len(arrows_between_boxes(folder, checkout.arrows())))


def _in_words(room: Room) -> str:
    return f"{room.name}: {room.num_boxes} boxes, {room.num_arrows} arrows"


def _functions(checkout: Checkout) -> Iterator[Sized]:
    for path in checkout.sources.values():
        place = _place(path, checkout)
        yield from (Sized(f"{place}: {name}", lines) for name, lines in function_lengths(path))


def _files(checkout: Checkout) -> list[Sized]:
    return [Sized(_place(path, checkout), num_lines(path)) for path in checkout.sources.values()]


def _place(path: Path, checkout: Checkout) -> str:
    return path.relative_to(checkout.root).as_posix()
