"""What the storage costs: the time that a stored turn adds, turns per second of many clients, long lists.

The model answers at once (`instant_engine`), so that what is left is the server's and the database's. It asks through
HTTP; only the conversations of the long list are put into the database directly.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from scripts.benchmarks.asking.answers import split_head
from scripts.benchmarks.asking.client import Address, KeptAlive, Raw, exchange
from scripts.benchmarks.asking.work import WorkRefused
from scripts.benchmarks.report import Figure, cell, figure, json_line, table
from scripts.benchmarks.servers.databases import NewUrl
from scripts.benchmarks.servers.running import Server, Setup, parley
from storage import users
from storage.db import sql
from storage.db.clock import now_micros
from storage.db.database import Database
from storage.db.session import writes
from storage.ids import new_id

ENGINE = json.dumps([sys.executable, "-m", "scripts.benchmarks.instant_engine"])
RESPONSES, CONVERSATIONS = "/v1/responses", "/v1/conversations"
PAGE_SIZE = 100
QUESTION = "What is the shortest answer?"
FIRST_TEXT = b"response.output_text.delta"
NUM_WARM_UP = 10
NUM_LOOKS = 20
ROWS_AT_ONCE = 100
MILLISECONDS = 1e3


@dataclass(frozen=True)
class Plan:
    """Amounts of work."""

    num_turns: int
    """Turns of each kind, one after the other."""
    num_clients: int
    turns_per_client: int
    num_workers: tuple[int, ...]
    num_conversations: int
    """Conversations in the long list."""


# --- one turn -------------------------------------------------------------------------------------------------------


def turn_figures(server: Server, plan: Plan) -> dict[str, Figure]:
    """Milliseconds of streamed turns of each kind, and what storing adds; interleaved, they meet the same machine."""
    conversation = new_conversation(server.address)
    kinds: dict[str, dict[str, Any]] = {
        "not stored": {"store": False},
        "stored": {},
        "of a conversation": {"conversation": conversation},
    }
    times: dict[str, list[float]] = {}
    for number in range(NUM_WARM_UP + plan.num_turns):
        if number % 10 == 0:  # a short one: a long one would be a longer prompt, too
            kinds["of a conversation"] = {"conversation": new_conversation(server.address)}
        for kind, fields in kinds.items():
            first, total = turn_times(server.address, {"input": QUESTION, "stream": True, **fields})
            if number >= NUM_WARM_UP:
                times.setdefault(f"first text, {kind} (ms)", []).append(first * MILLISECONDS)
                times.setdefault(f"all, {kind} (ms)", []).append(total * MILLISECONDS)
    figures = {name: figure(values) for name, values in times.items()}
    for until in ("first text", "all"):
        for kind in ("stored", "of a conversation"):
            pairs = zip(times[f"{until}, {kind} (ms)"], times[f"{until}, not stored (ms)"], strict=True)
            figures[f"{until}, added by one {kind} (ms)"] = figure([stored - plain for stored, plain in pairs])
    return figures


def turn_times(address: Address, body: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds until the first text and until the end."""
    raw = asyncio.run(exchange(address, RESPONSES, body))
    check(raw)
    first = next((time for time, piece in raw.pieces if FIRST_TEXT in piece), None)
    if first is None:
        raise WorkRefused("A response had no text.")
    return first - raw.sent, raw.pieces[-1][0] - raw.sent


def new_conversation(address: Address) -> str:
    raw = asyncio.run(exchange(address, CONVERSATIONS, {"metadata": {}}))
    return str(check(raw)["id"])


def check(raw: Raw) -> Any:
    """The body of an answer that is as it should be: JSON, or None of a stream."""
    head, pieces = split_head(raw)
    if head is None or b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise WorkRefused(f"The server answered {(head or b'')[:40]!r}: {pieces[:1]!r}")
    return None if b"text/event-stream" in head else json.loads(b"".join(piece for _, piece in pieces))


# --- many clients ---------------------------------------------------------------------------------------------------


def turns_per_second(server: Server, plan: Plan) -> float:
    """Rate of clients who each have a conversation of their own, and ask as soon as they are answered."""

    async def talk(conversation: str) -> None:
        for _ in range(plan.turns_per_client):
            check(await exchange(server.address, RESPONSES, {"input": QUESTION, "conversation": conversation}))

    async def talk_all() -> None:
        await asyncio.gather(*map(talk, conversations))

    conversations = [new_conversation(server.address) for _ in range(plan.num_clients)]
    asyncio.run(talk_all())
    before = perf_counter()
    asyncio.run(talk_all())
    return plan.num_clients * plan.turns_per_client / (perf_counter() - before)


# --- a long list ----------------------------------------------------------------------------------------------------


def list_figures(server: Server, database_url: str, plan: Plan) -> dict[str, Figure]:
    """Milliseconds of the first page and of the last one."""
    database = Database(database_url, pool_size=1)
    oldest = database.run(fill, plan.num_conversations)
    database.close()
    last_page = plan.num_conversations // PAGE_SIZE
    pages = {
        "page 1": f"{CONVERSATIONS}?limit={PAGE_SIZE}",
        f"page {last_page:,}": f"{CONVERSATIONS}?limit={PAGE_SIZE}&after={oldest}",
    }
    with KeptAlive(server.address) as connection:
        return {f"list of {plan.num_conversations:,}, {name} (ms)": looks(connection, pages[name]) for name in pages}


def looks(connection: KeptAlive, path: str) -> Figure:
    times = []
    for _ in range(NUM_LOOKS):
        seconds, status = connection.ask(path)
        if status != 200:
            raise WorkRefused(f"Status {status} came for {path}.")
        times.append(seconds * MILLISECONDS)
    return figure(times)


@writes
def fill(db: Any, num_conversations: int) -> str:
    """Conversations of the local user; returns the id of the one before the oldest page."""
    user, now = users.local_user(db), now_micros()
    columns = ("public_id", "user_id", "title", "metadata", "created_at", "active_at", "next_position")
    ids = [new_id("conv") for _ in range(num_conversations)]
    rows = [(one, user.id, f"Number {n}", "{}", 1, now - 10**12 + n * 1000, 0) for n, one in enumerate(ids)]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        sql.insert_rows(db, "conversations", columns, rows[start : start + ROWS_AT_ONCE])
    sql.execute(db, "UPDATE conversations SET root_id = id, family_active_at = active_at WHERE root_id IS NULL")
    sql.execute(db, "ANALYZE conversations")  # as the database does by itself, after a while
    return ids[PAGE_SIZE]


# --- all of it ------------------------------------------------------------------------------------------------------


@contextmanager
def instant_parley(setup: Setup, scratch: Path, num_workers: int, database_url: str) -> Iterator[Server]:
    settings = {
        "_PARLEY_ENGINE_COMMAND": ENGINE,
        "PARLEY_WORKERS": str(num_workers),
        "PARLEY_DATABASE_URL": database_url,
        "PARLEY_LOG_LEVEL": "warning",
    }
    with parley(setup, scratch, settings) as server:
        yield server


def measure(setup: Setup, plan: Plan, scratch: Path, new_url: NewUrl) -> dict[str, Figure]:
    """All figures of one kind of database; `new_url` makes an empty one."""
    figures: dict[str, Figure] = {}
    for num_workers in plan.num_workers:
        url = new_url()
        with instant_parley(setup, scratch, num_workers, url) as server:
            if num_workers == min(plan.num_workers):
                figures |= turn_figures(server, plan)
            name = f"turns per second, {plan.num_clients} clients, workers = {num_workers}"
            figures[name] = figure([turns_per_second(server, plan)])
            if num_workers == min(plan.num_workers):
                figures |= list_figures(server, url, plan)
    return figures


def run(setup: Setup, plan: Plan, scratch: Path, new_url: Mapping[str, NewUrl]) -> None:
    """Measure on each database and print."""
    measured = {database: measure(setup, plan, scratch, make) for database, make in new_url.items()}
    names = list(next(iter(measured.values())))
    rows = [[name, *(cell(figures[name], digits=2) for figures in measured.values())] for name in names]
    print(table(["storage, median (spread)", *measured], rows))
    numbers = {
        database: {name: each.as_json() for name, each in figures.items()} for database, figures in measured.items()
    }
    print(json_line("storage", setup, {"num_turns": plan.num_turns, "figures": numbers}))
