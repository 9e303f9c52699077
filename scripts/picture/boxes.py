"""A folder as boxes and arrows: its packages and loose modules, and who of them imports whom.

Knows names with dots, and nothing of files or Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Arrow = tuple[str, str]
"""Importer and imported."""


def folders(names: Iterable[str]) -> list[str]:
    """Every folder that holds a module; the checkout itself is the empty text."""
    split = [name.split(".") for name in names]
    parents = {".".join(parts[:length]) for parts in split for length in range(len(parts))}
    return sorted(parents)


def box_of(folder: str, name: str) -> str | None:
    """Member of `folder` in which the module `name` lies, None if it lies elsewhere."""
    if name == folder:
        return f"{folder}.__init__"
    prefix = f"{folder}." if folder else ""
    return prefix + name.removeprefix(prefix).partition(".")[0] if name.startswith(prefix) else None


def room_of(name: str, packages: Iterable[str]) -> str:
    """Folder in which the module `name` lies; a package lies in itself."""
    return name if name in packages else name.rpartition(".")[0]


def arrows_between_boxes(folder: str, arrows: Iterable[Arrow]) -> set[Arrow]:
    """Arrows between different members of `folder`."""
    pairs = ((box_of(folder, importer), box_of(folder, imported)) for importer, imported in arrows)
    return {(one, other) for one, other in pairs if one and other and one != other}


def circles(arrows: Iterable[Arrow]) -> list[list[str]]:
    """Groups of boxes that lead to each other, the largest groups possible."""
    arrows = set(arrows)
    reached = {box: _reached(box, arrows) for box in {importer for importer, _ in arrows}}
    groups = {frozenset(other for other in boxes if box in reached.get(other, ())) for box, boxes in reached.items()}
    return sorted(sorted(group) for group in groups if group)


def _reached(start: str, arrows: set[Arrow]) -> set[str]:
    """Boxes to which arrows lead from `start`."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        box = waiting.pop()
        news = {imported for importer, imported in arrows if importer == box} - found
        found |= news
        waiting += news
    return found


def layered(arrows: Iterable[Arrow]) -> list[str]:
    """An order of the boxes against which few arrows run, importers first; none runs against it if there is no circle.

    After Eades, Lin and Smyth: whoever is imported by nobody goes first, whoever imports nobody goes last, and in a
    circle the box goes first that imports most and is imported least.
    """
    left = set(arrows)
    boxes = {box for arrow in left for box in arrow}
    first: list[str] = []
    last: list[str] = []
    while boxes:
        importers = {importer for importer, _ in left}
        imported = {other for _, other in left}
        if bottom := sorted(boxes - importers):
            box = bottom[0]
            last.insert(0, box)
        else:
            top = sorted(boxes - imported)
            box = top[0] if top else max(sorted(boxes), key=lambda box: _balance(box, left))
            first.append(box)
        boxes.remove(box)
        left = {arrow for arrow in left if box not in arrow}
    return first + last


def _balance(box: str, arrows: set[Arrow]) -> int:
    return sum(importer == box for importer, _ in arrows) - sum(imported == box for _, imported in arrows)


def upward(arrows: Iterable[Arrow], order: Sequence[str]) -> list[Arrow]:
    """Arrows that run against the order, in which importers come first."""
    places = {box: place for place, box in enumerate(order)}
    return sorted(arrow for arrow in arrows if places[arrow[0]] > places[arrow[1]])
