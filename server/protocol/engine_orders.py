"""What the supervisor tells a running engine: one JSON line each, on standard input behind the config. Shapes only."""

from __future__ import annotations

from typing import Literal

import msgspec


class EngineOrder(msgspec.Struct, frozen=True):
    """An order to an engine.

    "go on": there is room for what it needs. "retire": finish what has begun, refuse what comes, and end. "make room":
    the same, if there is nothing to finish; an engine that has something to do says that it is busy and goes on.
    """

    verb: Literal["go on", "retire", "make room"]
