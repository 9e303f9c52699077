"""The shape of the code: what may import what, what a process never loads, and how large things may become.

The imports are read from the sources, those inside functions and under TYPE_CHECKING included, so that a rule cannot be
got round by importing late. Where that is allowed, because a part is optional or slow, the rules below say so.
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

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("server", "schemas", "storage")
"""storage does not exist yet; its rules wait for it."""

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400


def module_name(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for package in PACKAGES for path in sorted((CHECKOUT / package).rglob("*.py"))}
SIZED = [*SOURCES.values(), *sorted((CHECKOUT / "scripts").rglob("*.py"))]


def imported_names(path: Path) -> Iterator[str]:
    """Everything a file imports by its full name: our modules to the module, others as they are written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = f"{'.' * node.level}{node.module or ''}"
            members = [f"{package}.{alias.name}" for alias in node.names]
            yield from (member if member in SOURCES else package for member in members)


IMPORTS = {name: frozenset(imported_names(path)) for name, path in SOURCES.items()}


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
    assert {"server.app", "server.engine.model", "schemas.fields"} <= set(SOURCES)
    assert "server.api.health" in IMPORTS["server.app"]
    assert "server.errors" in IMPORTS["server.models.catalogue"]  # imported inside a function
    assert "server.engine.kv_cache" in IMPORTS["server.engine.sequence"]  # under TYPE_CHECKING


# --- who may import what --------------------------------------------------------------------------------------------

WEB = ("flask", "flask_cors", "werkzeug", "gevent", "gunicorn")
DATA = ("marshmallow", "pydantic", "pony")


@dataclass(frozen=True)
class Boundary:
    """`package` stays away from `forbidden`, except for the modules in `spared`."""

    package: str
    forbidden: tuple[str, ...]
    spared: tuple[str, ...] = ()


BOUNDARIES = (
    # Token ids in, token events out: the engine could serve anything.
    Boundary("server.engine", (*WEB, *DATA, "jinja2", "huggingface_hub", "server", "schemas", "storage")),
    # Schemas turn JSON into dataclasses, and the storage keeps records; neither knows who wants it.
    Boundary("schemas", (*WEB, "msgspec", "pydantic", "pony", "server", "storage")),
    Boundary("storage", (*WEB, "marshmallow", "server", "schemas")),
    # Messages to prompt: no HTTP, no request schemas, and nothing of how a generation is run.
    Boundary("server.chat", (*WEB, *DATA, "schemas", "server"), ("server.engine.messages",)),
    # Read in every process that starts, before the first answer can be given.
    Boundary("server.settings", (*WEB, "marshmallow", "msgspec", "llama_cpp", "huggingface_hub", "schemas", "server")),
    # The supervisor stays small, and what starts it runs in the gunicorn master, which must not be patched by gevent.
    Boundary("server.supervisor", (*WEB, *DATA, "llama_cpp", "huggingface_hub", "schemas")),
    Boundary("server.models", (*WEB, *DATA, "llama_cpp", "schemas")),
    # One way: endpoints use a generation, a generation uses the engine's client.
    Boundary("server.generation", ("flask", "schemas", "server.chat", "server.app", "server.api")),
    Boundary("server.engine_client", ("flask", "schemas", "server"), ("server.engine.messages",)),
)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda boundary: str(boundary.package))
def test_a_package_stays_away_from_what_it_must_not_know(boundary: Boundary) -> None:
    own = [name for name in SOURCES if is_within(name, boundary.package)]
    assert offences(own, boundary.forbidden, (*own, *boundary.spared)) == []


def test_of_the_engine_the_others_know_the_messages_only() -> None:
    others = [name for name in SOURCES if not is_within(name, "server.engine")]
    assert offences(others, ("server.engine",), ("server.engine.messages",)) == []


@dataclass(frozen=True)
class Reserved:
    """Only `importers` may import `target`."""

    target: str
    importers: tuple[str, ...]


RESERVED = (
    Reserved("server.app", ()),
    Reserved("server.api", ("server.app", "server.api")),
    Reserved("server.supervisor", ("server.arbiter", "server.supervisor")),
    Reserved("server.arbiter", ()),
    Reserved("llama_cpp", ("server.engine.model", "server.engine.vocabulary", "server.engine.native_log")),
    Reserved("huggingface_hub", ("server.models.hub",)),
    Reserved("httpx2", ("server.models.hub",)),
    Reserved("marshmallow", ("schemas",)),
    Reserved("pydantic", ("server.settings",)),
    Reserved("pony", ("storage",)),
    Reserved("jinja2", ("server.chat",)),
    Reserved("click", ("server.cli",)),
)


@pytest.mark.parametrize("reserved", RESERVED, ids=lambda reserved: str(reserved.target))
def test_a_part_is_imported_only_where_it_belongs(reserved: Reserved) -> None:
    others = [name for name in SOURCES if not is_within(name, *reserved.importers)]
    assert offences(others, (reserved.target,)) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter(
        {name: [other for other in names if other in SOURCES] for name, names in IMPORTS.items()}
    ).prepare()


def test_imports_are_absolute() -> None:
    assert [name for name, names in IMPORTS.items() if any(imported.startswith(".") for imported in names)] == []


# --- what a process never loads -------------------------------------------------------------------------------------

ENGINE_MODULES = tuple(name for name in SOURCES if is_within(name, "server.engine"))


@dataclass(frozen=True)
class Process:
    """A process that has imported `modules` has none of `absent`, whoever would have imported them."""

    name: str
    modules: tuple[str, ...]
    absent: tuple[str, ...]


PROCESSES = (
    Process("gunicorn master", ("server.arbiter", "server.logs"), ("flask", "gevent", "llama_cpp", "huggingface_hub")),
    Process("supervisor", ("server.supervisor.__main__",), (*WEB, *DATA, "llama_cpp", "numpy", "huggingface_hub")),
    Process("engine", ENGINE_MODULES, (*WEB, *DATA, "schemas", "huggingface_hub")),
    Process("download", ("server.models.download", "server.models.fetch"), (*WEB, *DATA, "llama_cpp", "numpy")),
    Process("worker", ("server.app",), ("llama_cpp", "numpy", "huggingface_hub", "server.supervisor.supervisor")),
)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: str(process.name))
def test_a_process_never_loads_what_it_does_not_need(process: Process) -> None:
    program = f"import {', '.join(process.modules)}, sys; print(*sys.modules)"
    outcome = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert set(outcome.stdout.split()) & set(process.absent) == set()


# --- house numbers --------------------------------------------------------------------------------------------------


def test_no_function_is_longer_than_sixty_lines() -> None:
    too_long = [
        f"{path.relative_to(CHECKOUT)}: {node.name} has {lines} lines"
        for path in SIZED
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert too_long == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {path.relative_to(CHECKOUT): len(path.read_text(encoding="utf-8").splitlines()) for path in SIZED}
    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path in SIZED if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []
