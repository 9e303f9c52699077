"""What the supervisor tells a running engine: one JSON line each, on standard input behind the config. Shapes only."""

from __future__ import annotations

from typing import Literal

import msgspec


class EngineOrder(msgspec.Struct, frozen=True):
    """An order to an engine. Both let it finish what it has begun, refuse what comes, and end.

    "retire" is unconditional; an engine that is told to "make room" and has something to do says that it is busy and
    goes on.
    """

    verb: Literal["retire", "make room"]
