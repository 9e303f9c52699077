"""A process that adds items to a conversation and prints each one that was acknowledged.

    python -m tests.storage.writer URL USER_ID CONVERSATION_ID NAME COUNT

With COUNT 0 it opens a transaction, changes something in it, says so, and waits to be killed.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from storage import items
from storage.db.database import Database
from storage.db.session import writes
from tests.storage.helpers import message


@writes
def stay_in_the_middle(db: Any, user_id: int, conversation_id: str) -> None:
    items.add(db, user_id, conversation_id, [message("never")])
    print("in the middle", flush=True)
    time.sleep(3600)


def main(url: str, user: str, conversation_id: str, name: str, count: str) -> None:
    database = Database(url, pool_size=2)
    if count == "0":
        database.run(stay_in_the_middle, int(user), conversation_id)
    for number in range(int(count)):
        database.run(
            items.add, int(user), conversation_id, [message(f"{name}.{number}.0"), message(f"{name}.{number}.1")]
        )
        print(f"{name}.{number}", flush=True)
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
