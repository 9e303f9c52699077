"""Times as the database holds them: whole numbers since the epoch.

Leases are compared by several machines whose clocks differ, so they go by the database's clock.
"""

from __future__ import annotations

import time

from pony.orm import Database as Db

MICROS = 1_000_000
POSTGRESQL = "PostgreSQL"


def now_micros() -> int:
    return time.time_ns() // 1000


def now_seconds() -> int:
    return int(time.time())


def lease_now(db: Db) -> str:
    """Time in microseconds by which leases are compared, as an expression of SQL.

    The statement must have the value `now`, which is `now_micros()`.
    """
    if db.provider.dialect != POSTGRESQL:
        return "$now"
    return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def lease_clock(db: Db) -> int:
    """Time in microseconds by which leases are compared."""
    if db.provider.dialect != POSTGRESQL:
        return now_micros()
    return int(db.execute(f"SELECT {lease_now(db)}").fetchone()[0])
