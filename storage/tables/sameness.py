"""Whether items that a client sends again say what those say that it sent before.

Ids and statuses do not count, which the storage may have added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage.tables import item_rows

Item = Mapping[str, Any]

NOT_SAID = ("id", "status")


def say_the_same(stored: Sequence[Item], given: Sequence[Item]) -> bool:
    """Whether what was stored is what is given now, item by item."""
    return len(stored) == len(given) and all(map(_says_the_same, stored, given))


def _says_the_same(stored: Item, given: Item) -> bool:
    if given.get("type") == item_rows.REFERENCE:
        return bool(stored["id"] == given["id"])
    return _said(stored) == _said(given)


def _said(item: Item) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in NOT_SAID}
