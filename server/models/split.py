"""Split GGUF models: one model in files named `<stem>-00001-of-00003.gguf`.

Knows only names; whether the files exist is for others to find out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART_NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Part:
    """What the name of one part says. Parts are counted from 1."""

    stem: str
    number: int
    count: int

    @classmethod
    def parse(cls, name: str) -> Part | None:
        """The part that `name` (a file name or a path) names, None if it is no part of a split model."""
        match = _PART_NAME.fullmatch(name)
        part = cls(match["stem"], int(match["number"]), int(match["count"])) if match else None
        return part if part and 1 <= part.number <= part.count else None

    def all_names(self) -> tuple[str, ...]:
        """The names of all parts of the model, in order."""
        return tuple(f"{self.stem}-{number:05d}-of-{self.count:05d}.gguf" for number in range(1, self.count + 1))
