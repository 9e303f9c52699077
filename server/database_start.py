"""Gets the database ready beside the first requests: connect, migrate, and print the first key where keys are wanted.

The server is up meanwhile, and stays up while the database is not; requests that need it are told so. It knows neither
tables nor requests.
"""

from __future__ import annotations

import logging

import gevent

from server.settings import Settings
from storage import keys
from storage.db.database import Database
from storage.errors import StorageUnavailable
from storage.first_key import ADMIN_NAME, make_first_key

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0


def start_in_background(database: Database, settings: Settings) -> gevent.Greenlet:
    """Try until it works; each failure is logged with its reason."""
    return gevent.spawn(_start, database, settings)


def _start(database: Database, settings: Settings) -> None:
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            database.start()
            if settings.auth == "keys":
                _announce_first_key(database)
            return
        except StorageUnavailable as error:
            logger.warning("%s. The next attempt is in %g seconds.", error, pause)
        gevent.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


def _announce_first_key(database: Database) -> None:
    """On the terminal and not through the log, which may be kept or sent elsewhere."""
    if secret := database.run(make_first_key, "first key"):
        print(first_key_notice(secret), flush=True)
    elif not database.run(keys.has_any):
        logger.warning("Nobody has a key yet; `parley keys create NAME` makes one.")


def first_key_notice(secret: str) -> str:
    return (
        f'\nThis server has no keys yet, so here is one, of the new user "{ADMIN_NAME}". It is shown this once:\n\n'
        f"  {secret}\n\nMore are made with `parley users add NAME` and `parley keys create NAME`.\n"
    )
