"""The connection pool: storage's functions run in native threads, each call in one short session.

    database.run(conversations.create, user_id, {"topic": "tea"})

Pony keeps one connection per thread, so the number of threads bounds the connections, and a greenlet that waits for
its result lets others run. Nothing is connected before the first call, and a database that is down is looked for again
with the next one. It does not know what the functions do.
"""

from __future__ import annotations

import _thread
import logging
import os
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

# Its locks have to be native as well, so it cannot be left to Pony to import it when it is needed.
import pony.orm.dbproviders.sqlite  # noqa: F401
from gevent import monkey
from gevent.threadpool import ThreadPool
from pony import orm
from pony.orm import Database as Db

from storage.db import schema
from storage.db.address import LOCK_TIMEOUT_SECONDS, Address, SqliteFile, parse_address
from storage.db.entities import define_entities
from storage.db.failures import describe, is_disconnect, is_unavailable, is_unwritable, is_worth_repeating
from storage.db.session import is_durable, is_writing
from storage.errors import StorageUnavailable

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_POOL_SIZE = 8
MAX_ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.005

_sleep = monkey.get_original("time", "sleep")


class Database:
    """Connections of one process, made after the fork. `url` is the setting's, see `storage.db.address`."""

    def __init__(self, url: str, pool_size: int = DEFAULT_POOL_SIZE) -> None:
        require_native_locals()
        self.address: Address = parse_address(url)
        self._pool = ThreadPool(pool_size)
        self._start_lock = _thread.allocate_lock()
        self._db: Db | None = None
        self._connections: dict[int, Any] = {}  # SQLite's, by thread

    def start(self) -> None:
        """Connect and bring the tables up to date, unless that is done. Raises StorageUnavailable; may be repeated."""
        self._in_pool(self._started)

    def run(self, function: Callable[Concatenate[Db, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call one of this package's functions in a session of its own and wait for it.

        What it wrote is durable when this returns. A caller that is killed while waiting does not stop it. Raises what
        the function raises, and StorageUnavailable.
        """
        result: R = self._in_pool(lambda: _repeat(lambda: self._session(function, args, kwargs)))
        return result

    def close(self) -> None:
        """Wait for running calls and close the connections."""
        self._pool.kill()
        while self._connections:
            self._connections.popitem()[1].close()

    def _in_pool(self, function: Callable[[], Any]) -> Any:
        # gevent would print the traceback of whatever is raised in the thread.
        return _result(self._pool.apply(_attempt, (function,)))

    def _session(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        db = self._started()
        is_committing = is_committed = False
        try:
            with orm.db_session:
                if is_writing(function):
                    _begin(db, self.address, is_durable(function))
                result = function(db, *args, **kwargs)
                is_committing = True
                orm.commit()
                is_committed = True
        except Exception as error:
            if is_committed:
                logger.warning("A connection was lost after its work was done: %s", describe(error))
            elif is_committing and is_disconnect(error):
                raise StorageUnavailable(describe(error), is_outcome_unknown=True) from error
            else:
                raise
        return result

    def _started(self) -> Db:
        """Pony's database, opened if it is not yet. Runs in a thread of the pool."""
        if self._db is None:
            with self._start_lock:
                if self._db is None:
                    self._db = _open(self.address, self._keep)
        return self._db

    def _keep(self, connection: Any) -> None:
        """Note a thread's connection, which Pony would forget and leave open when the thread ends."""
        thread = _thread.get_ident()
        if thread in self._connections:
            self._connections[thread].close()
        self._connections[thread] = connection


def upgrade(url: str) -> list[str]:
    """Bring the tables up to date without opening a Database; names of the migrations that were applied."""
    applied: list[str] = _result(_attempt(partial(_migrate, parse_address(url))))
    return applied


def require_native_locals() -> None:
    """Refuse to go on where Pony was imported after gevent's patching: threads would share its sessions, and hang."""
    if orm.core.localbase.__module__ != "_thread":
        raise RuntimeError(
            "Pony was imported after gevent's monkey patching; it has to come first, as in gunicorn.conf.py"
        )


def _attempt(function: Callable[[], Any]) -> tuple[Exception | None, Any]:
    try:
        return None, function()
    except Exception as error:  # noqa: BLE001 - it is raised again in the greenlet
        if is_unavailable(error):
            unavailable = StorageUnavailable(describe(error), is_unwritable=is_unwritable(error))
            unavailable.__cause__ = error
            return unavailable, None
        return error, None


def _result(outcome: tuple[Exception | None, Any]) -> Any:
    error, result = outcome
    if error is not None:
        raise error
    return result


def _repeat(function: Callable[[], R]) -> R:
    """Call it until no other session is in its way; the pauses are random, so that two do not meet again."""
    for attempt in range(1, MAX_ATTEMPTS):
        try:
            return function()
        except StorageUnavailable:
            raise
        except Exception as error:
            # A connection may have died unnoticed since its last use; a second one is new.
            if not is_worth_repeating(error) and not (is_disconnect(error) and attempt == 1):
                raise
            logger.debug("Repeating after %s", describe(error))
            _sleep(FIRST_PAUSE_SECONDS * 2**attempt * random.random())
    return function()


def _open(address: Address, keep: Callable[[Any], None]) -> Db:
    for name in _migrate(address):
        logger.info("Applied migration %s", name)
    db = Db()
    # Made after the patching, it would be a lock between greenlets.
    db._global_stats_lock = _thread.RLock()
    define_entities(db)
    _bind(db, address, keep)
    _keep_transactions_whole(db)
    with orm.db_session:
        db.generate_mapping(check_tables=True)
    db.disconnect()
    return db


def _migrate(address: Address) -> list[str]:
    if isinstance(address, SqliteFile):
        _make_private(address)
    return schema.migrate(address)


def _bind(db: Db, address: Address, keep: Callable[[Any], None]) -> None:
    if isinstance(address, SqliteFile):
        synchronous = address.synchronous

        def prepare(_db: Db, connection: Any) -> None:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            keep(connection)

        # Pony takes no callable but a function, and passes over any other without a word.
        db.on_connect(provider="sqlite")(prepare)
        # When it is closed, its thread has ended.
        options = {"timeout": LOCK_TIMEOUT_SECONDS, "check_same_thread": False}
        db.bind("sqlite", str(address.path), create_db=True, **options)
    else:
        from storage.db.postgres_pool import PostgresPool  # it needs psycopg2, which SQLite does not

        db.bind("postgres", pony_pool_mockup=PostgresPool(address.parameters))


def _begin(db: Db, address: Address, is_durable: bool) -> None:
    """Let the session's first statement begin a transaction, for which the disk is waited for or not."""
    if isinstance(address, SqliteFile):
        # Within a transaction it could not be changed, and the connection still has that of its last one.
        db._exec_sql(f"PRAGMA synchronous = {address.synchronous if is_durable else 'normal'}")
    db._get_cache().immediate = True
    if not isinstance(address, SqliteFile) and not is_durable:
        db._exec_sql("SET LOCAL synchronous_commit = off")


def _keep_transactions_whole(db: Db) -> None:
    """Fail when a connection is lost within a transaction; Pony would commit the rest of it on a new one."""
    original = db.provider.should_reconnect
    db.provider.should_reconnect = lambda error: not db._get_cache().in_transaction and original(error)


def _make_private(address: SqliteFile) -> None:
    """Make the directory and the file unreadable for other users: conversations are nobody else's business."""
    address.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(address.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
