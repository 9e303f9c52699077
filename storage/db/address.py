"""Where the database is: the setting's URL, taken apart.

    sqlite:////absolute/path.db    sqlite:///relative/path.db    postgresql://user:password@host:port/name?sslmode=...

`sqlite:///path?synchronous=normal` is faster: when the power fails, the last transactions may be lost.

It opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

CONNECT_TIMEOUT_SECONDS = 5
SYNCHRONOUS = ("full", "normal")
"""Values of SQLite's PRAGMA, the default first. In WAL mode both are safe when a process is killed."""
LOCK_TIMEOUT_SECONDS = 30
"""Time that a statement may wait for another session's."""


@dataclass(frozen=True)
class SqliteFile:
    path: Path
    synchronous: str = "full"


@dataclass(frozen=True)
class PostgresServer:
    url: str

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters for libpq, with time limits: a server that is gone must not hold our connections for good."""
        import psycopg2.extensions

        defaults: dict[str, Any] = {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "parley",
            "keepalives_idle": 30,
            "tcp_user_timeout": 30_000,
            # No bitmap scans: where the statistics are old, one collects and sorts a whole long list for one page of
            # it, which an index has in order.
            "options": f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s -c statement_timeout=120s -c enable_bitmapscan=off",
        }
        given: dict[str, Any] = psycopg2.extensions.parse_dsn(self.url)
        return defaults | given


Address: TypeAlias = SqliteFile | PostgresServer


def parse_address(url: str) -> Address:
    """The address in a URL; a relative path counts from the current directory. Raises ValueError for any other URL."""
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        return PostgresServer(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.scheme != "sqlite" or parts.netloc or not path:
        raise ValueError("must be sqlite:///path or postgresql://user:password@host/name")
    return SqliteFile(Path(path).absolute(), _synchronous(parts.query))


def _synchronous(query: str) -> str:
    options = dict(parse_qsl(query, keep_blank_values=True))
    value = options.pop("synchronous", SYNCHRONOUS[0]).lower()
    if options or value not in SYNCHRONOUS:
        raise ValueError(f"the only option of a sqlite URL is synchronous, which is {' or '.join(SYNCHRONOUS)}.")
    return value
