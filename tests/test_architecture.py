"""The shape of the code: what may import what, what a process never loads, and how large things may become.

The imports are read from the sources as `scripts/rooms` reads them: those inside functions and under TYPE_CHECKING
included, so that a rule cannot be got round by importing late. Where that is allowed, because a part is optional or
slow, the rules below say so.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from scripts.picture.boxes import arrows_between_boxes, circles, folders, upward
from scripts.picture.imports import parsed, read_checkout
from scripts.picture.sizes import function_lengths, num_lines

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("server", "schemas", "storage")

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400


OURS = read_checkout(CHECKOUT, PACKAGES)
SOURCES, IMPORTS = OURS.sources, OURS.imports
EVERYTHING = read_checkout(CHECKOUT, (*PACKAGES, "scripts"))
SIZED = list(EVERYTHING.sources.values())


def is_within(name: str, *packages: str) -> bool:
    """Whether `name` is one of the packages or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def offences(importers: Iterable[str], targets: tuple[str, ...], spared: tuple[str, ...] = ()) -> list[str]:
    """Which of the modules `importers` import anything of `targets`, leaving out the exact names in `spared`."""
    return [
        f"{name} imports {imported}"
        for name in importers
        for imported in sorted(IMPORTS[name])
        if is_within(imported, *targets) and imported not in spared
    ]


def test_the_rules_see_the_code() -> None:
    assert {"server.app", "server.engine.llama.model", "schemas.fields.base", "storage.db.database"} <= set(SOURCES)
    assert "server.api.health" in IMPORTS["server.app"]
    assert "server.engine.engine" in IMPORTS["server.engine.host.process"]  # imported inside a function
    assert "server.engine.kv.cache" in IMPORTS["server.engine.sequence"]  # under TYPE_CHECKING
    assert "scripts.benchmarks.report" in EVERYTHING.sources


# --- who may import what --------------------------------------------------------------------------------------------

WEB = ("flask", "flask_cors", "werkzeug", "gevent", "gunicorn")
SQL = ("pony", "yoyo", "psycopg2")
DATA = ("marshmallow", "pydantic", *SQL)
GEVENT_OF_STORAGE = ("gevent", "gevent.threadpool")
"""As they are imported; `gevent` for what it has patched, which a native thread needs in the original."""

PROTOCOL = "server.protocol"
"""What crosses process borders, which both sides know."""

MODEL_OPTIONS = "server.protocol.model_options"
"""Imports nothing, which is tested below."""


ASKERS = ("server.app", "server.api", "server.auth")
"""Rooms that know who asks, and over which wire."""

ABOVE_BACKENDS = ("app", "api", "auth", "responses", "titles", "turns")
"""Rooms of the server that ask backends."""


@dataclass(frozen=True)
class Boundary:
    """`package` stays away from `forbidden`, except for the modules in `spared`."""

    package: str
    forbidden: tuple[str, ...]
    spared: tuple[str, ...] = ()


BOUNDARIES = (
    # Shapes only: any process may load it, and an engine that is not llama.cpp can be written from it.
    Boundary(PROTOCOL, (*WEB, *DATA, "llama_cpp", "numpy", "server", "schemas", "storage")),
    # Token ids in, token events out: the engine could serve anything.
    Boundary("server.engine", (*WEB, *DATA, "jinja2", "huggingface_hub", "server", "schemas", "storage"), (PROTOCOL,)),
    # Schemas turn JSON into dataclasses, and the storage keeps records; neither knows who wants it. Of gevent the
    # storage has the thread pool in which it waits, see below.
    Boundary("schemas", (*WEB, *SQL, "pydantic", "server", "storage")),
    # Answers are structs, and know nothing of requests.
    Boundary("schemas.objects", ("marshmallow", "schemas")),
    Boundary("storage", (*WEB, "marshmallow", "pydantic", "click", "server", "schemas"), GEVENT_OF_STORAGE),
    # What is asked and what is answered, in values: no HTTP, no templates, no engine, no way to store it.
    Boundary(
        "server.answers",
        ("flask", "werkzeug", "gunicorn", *DATA, "server", "storage"),
        (PROTOCOL, "server.errors", "server.http.client_watch"),
    ),
    # Backends answer, whoever asks and whatever becomes of it.
    Boundary(
        "server.backends",
        ("flask", "werkzeug", *DATA, "storage", *(f"server.{room}" for room in ABOVE_BACKENDS)),
    ),
    # Messages to prompt: no HTTP, no request schemas, and nothing of how a generation is run.
    Boundary(
        "server.chat",
        (*WEB, *DATA, "schemas", "server", "storage"),
        (PROTOCOL, "server.answers.messages", "server.answers.parts"),
    ),
    # Read in every process that starts, before the first answer can be given. The storage says what its URL is.
    Boundary(
        "server.settings",
        (*WEB, *SQL, "marshmallow", "msgspec", "llama_cpp", "huggingface_hub", "schemas", "server", "storage"),
        ("storage.db.address", MODEL_OPTIONS),
    ),
    # The supervisor stays small, and what starts it runs in the gunicorn master, which must not be patched by gevent.
    Boundary("server.supervisor", (*WEB, *DATA, "llama_cpp", "huggingface_hub", "schemas", "storage")),
    Boundary("server.models", (*WEB, *DATA, "llama_cpp", "schemas", "storage")),
    # One way: endpoints use turns, a turn uses a generation, a generation uses the engine's client.
    Boundary("server.responses", ("flask", "werkzeug", *DATA, *ASKERS, "server.backends.local")),
    Boundary("server.turns", ("flask", "werkzeug", *DATA, *ASKERS, "server.responses", "server.backends", "schemas")),
    *(
        Boundary(
            f"server.responses.{name}",
            (*WEB, "storage", "server.backends"),
        )
        for name in (
            "prompt",
            "truncation",
            "builder",
            "output_items",
            "replay",
            "response_object",
            "compaction",
            "opaque",
        )
    ),
    Boundary(
        "server.backends.local.generation",
        ("flask", "schemas", "server.chat", "server.app", "server.api", "storage"),
    ),
    Boundary("server.backends.local.engine_client", ("flask", "schemas", "server", "storage"), (PROTOCOL,)),
    # Who is asking, before anybody knows what for.
    Boundary("server.auth", ("schemas", "server.app", "server.api", "server.responses", "server.turns")),
    # What a title is, whoever generates it.
    Boundary("server.titles.titles", (*WEB, "schemas", "server"), ("server.answers.messages",)),
)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda boundary: str(boundary.package))
def test_a_package_stays_away_from_what_it_must_not_know(boundary: Boundary) -> None:
    own = [name for name in SOURCES if is_within(name, boundary.package)]
    spared = [name for name in SOURCES if is_within(name, *boundary.spared)]
    assert offences(own, boundary.forbidden, (*own, *boundary.spared, *spared)) == []


def test_of_the_schemas_only_answers_are_structs() -> None:
    requests = [name for name in SOURCES if is_within(name, "schemas") and not is_within(name, "schemas.objects")]
    assert offences(requests, ("msgspec",)) == []


def test_what_all_may_import_imports_nothing_of_ours() -> None:
    assert offences([MODEL_OPTIONS], PACKAGES) == []


def test_nobody_imports_the_engine() -> None:
    """It is a process: what the others know of it is the protocol."""
    others = [name for name in SOURCES if not is_within(name, "server.engine")]
    assert offences(others, ("server.engine",)) == []


@dataclass(frozen=True)
class Reserved:
    """Only `importers` may import `target`."""

    target: str
    importers: tuple[str, ...]


RESERVED = (
    Reserved("server.app", ()),
    Reserved("server.api", ("server.app", "server.api")),
    Reserved("server.supervisor", ("server.http.arbiter", "server.supervisor")),
    Reserved("server.http.arbiter", ()),
    Reserved("llama_cpp", ("server.engine.llama", "server.engine.embedding.model", "server.engine.sampling.dry")),
    # What passes between a worker and an engine is nobody else's; the values in it are everybody's.
    Reserved("server.protocol.messages", ("server.backends.local", "server.engine")),
    Reserved("server.protocol.framing", ("server.backends.local", "server.engine")),
    Reserved("huggingface_hub", ("server.models.hub",)),
    Reserved("httpx2", ("server.models.hub",)),
    Reserved("marshmallow", ("schemas",)),
    Reserved("pydantic", ("server.settings",)),
    Reserved("pony", ("storage",)),
    Reserved("yoyo", ("storage.db.schema", "storage.db.migrations")),
    Reserved("psycopg2", ("storage",)),
    Reserved("storage.db.entities", ("storage.db.database",)),
    *(Reserved(f"storage.{name}", ("storage",)) for name in ("db.session", "db.sql", "tables")),
    Reserved("jinja2", ("server.chat",)),
    Reserved("click", ("server.cli",)),
)


@pytest.mark.parametrize("reserved", RESERVED, ids=lambda reserved: str(reserved.target))
def test_a_part_is_imported_only_where_it_belongs(reserved: Reserved) -> None:
    others = [name for name in SOURCES if not is_within(name, *reserved.importers)]
    assert offences(others, (reserved.target,)) == []


def members_of(package: str, path: Path) -> Iterator[str]:
    """What a file takes of a package outside of ours, to the name."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if is_within(alias.name, package))
        elif isinstance(node, ast.ImportFrom) and node.module and is_within(node.module, package):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_of_gevent_the_storage_knows_the_thread_pool_only() -> None:
    taken = {name: set(members_of("gevent", path)) for name, path in SOURCES.items() if is_within(name, "storage")}
    assert {name: members for name, members in taken.items() if members} == {
        "storage.db.database": {"gevent.monkey", "gevent.threadpool.ThreadPool"}
    }


def test_entities_never_leave_the_storage() -> None:
    """What the functions that others may run in the database say they return: plain values and records."""
    plain = {"None", "bool", "int", "str", "dict", "list", "tuple", "frozenset", "Any", "Literal"}
    records = {node.name for node in ast.walk(parsed(SOURCES["storage.records"])) if isinstance(node, ast.ClassDef)}
    outside = {name for name in SOURCES if not is_within(name, "storage")}
    used = {imported for name in outside for imported in IMPORTS[name] if is_within(imported, "storage")}
    returned = {
        f"{module}.{function.name}": {node.id for node in ast.walk(function.returns) if isinstance(node, ast.Name)}
        for module in used
        for function in parsed(SOURCES[module]).body
        if isinstance(function, ast.FunctionDef) and function.returns and not function.name.startswith("_")
        if function.args.args[:1] and function.args.args[0].arg == "db"
    }
    assert len(returned) > 30
    assert {name: names - plain - records for name, names in returned.items() if names - plain - records} == {}


def test_only_the_storage_works_within_a_session() -> None:
    """Others have its functions run: none of theirs takes the database's own handle, or sees SQL and rows."""
    outside = [name for name in SOURCES if not is_within(name, "storage")]
    inner = ("db.session", "db.sql", "conversation_rows", "item_rows", "response_rows")
    assert offences(outside, tuple(f"storage.{name}" for name in inner)) == []
    takers = {
        f"{name}.{function.name}"
        for name in SOURCES
        for function in ast.walk(parsed(SOURCES[name]))
        if isinstance(function, ast.FunctionDef)
        if any(argument.arg == "db" for argument in (*function.args.args, *function.args.kwonlyargs))
    }
    assert len(takers) > 30
    assert [name for name in sorted(takers) if not is_within(name, "storage")] == []


# --- rooms ----------------------------------------------------------------------------------------------------------

ROOMS = (
    "app",
    "api",
    "responses",
    "turns",
    "titles",
    "cli",
    "auth",
    "backends",
    "chat",
    "answers",
    "http",
    "supervisor",
    "models",
    "database_start",
    "chat_page",
    "settings",
    "engine",
    "protocol",
    "logs",
    "errors",
)
"""Packages and loose modules of server/, from top to bottom: each imports only what comes after it."""


def test_no_modules_import_each_other_in_a_circle() -> None:
    imports = EVERYTHING.imports.items()
    TopologicalSorter({name: names & EVERYTHING.sources.keys() for name, names in imports}).prepare()


@pytest.mark.parametrize("folder", folders(EVERYTHING.sources), ids=lambda folder: str(folder) or "checkout")
def test_members_of_a_folder_import_each_other_without_a_circle(folder: str) -> None:
    """The members are its packages, with everything in them, and its loose modules."""
    between = arrows_between_boxes(folder, EVERYTHING.arrows())
    assert circles(between) == []


def test_the_rooms_of_the_server_have_one_order() -> None:
    order = [*(f"server.{room}" for room in ROOMS), "server.__init__"]
    between = arrows_between_boxes("server", OURS.arrows())
    assert {box for arrow in between for box in arrow} <= set(order)
    assert {f"server.{name.split('.')[1]}" for name in SOURCES if name.startswith("server.")} == set(order[:-1])
    assert upward(between, order) == []


def test_no_rooms_of_the_engine_import_each_other_in_a_circle() -> None:
    """A room is a folder, or a module that lies loose beside the folders."""
    rooms = {module: room for module in ENGINE_MODULES if (room := ".".join(module.split(".")[:3])) != "server.engine"}
    imported = {
        room: {rooms[name] for module in rooms if rooms[module] == room for name in IMPORTS[module] & set(rooms)}
        for room in rooms.values()
    }
    assert len(imported) > 10
    TopologicalSorter({room: names - {room} for room, names in imported.items()}).prepare()


def test_imports_are_absolute() -> None:
    relative = [
        name
        for name, path in EVERYTHING.sources.items()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


# --- what a process never loads -------------------------------------------------------------------------------------

ENGINE_MODULES = tuple(name for name in SOURCES if is_within(name, "server.engine"))


@dataclass(frozen=True)
class Process:
    """A process that has imported `modules` has none of `absent`, whoever would have imported them."""

    name: str
    modules: tuple[str, ...]
    absent: tuple[str, ...]


PROCESSES = (
    Process(
        "gunicorn master", ("server.http.arbiter", "server.logs"), ("flask", "gevent", "llama_cpp", "huggingface_hub")
    ),
    Process("supervisor", ("server.supervisor.__main__",), (*WEB, *DATA, "llama_cpp", "numpy", "huggingface_hub")),
    Process("engine", ENGINE_MODULES, (*WEB, *DATA, "schemas", "huggingface_hub")),
    Process("download", ("server.models.download", "server.models.fetch"), (*WEB, *DATA, "llama_cpp", "numpy")),
    Process("worker", ("server.app",), ("llama_cpp", "numpy", "huggingface_hub", "server.supervisor.supervisor")),
    Process("parley --help", ("server.cli.commands",), ("flask", "gevent", "marshmallow", *SQL, "llama_cpp", "numpy")),
)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: str(process.name))
def test_a_process_never_loads_what_it_does_not_need(process: Process) -> None:
    program = f"import {', '.join(process.modules)}, sys; print(*sys.modules)"
    outcome = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert set(outcome.stdout.split()) & set(process.absent) == set()


# --- house numbers --------------------------------------------------------------------------------------------------


def test_no_function_is_longer_than_sixty_lines() -> None:
    too_long = [
        f"{path.relative_to(CHECKOUT)}: {name} has {lines} lines"
        for path in SIZED
        for name, lines in function_lengths(path)
        if lines > MAX_FUNCTION_LINES
    ]
    assert too_long == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {path.relative_to(CHECKOUT): num_lines(path) for path in SIZED}
    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path in SIZED if not ast.get_docstring(parsed(path))] == []
