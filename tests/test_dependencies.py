"""setup.cfg: whatever is imported comes with what somebody has installed who got no more than that needs.

It reads the imports of the sources, late ones included, and knows nothing of versions.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
OURS = ("server", "schemas", "storage", "scripts", "tests")
COMES_WITH = {"markupsafe": "jinja2", "pydantic-core": "pydantic", "werkzeug": "flask"}
"""What is made by the same people, for the other one, and never installed in a version that does not fit it."""


def sources_in(*places: str) -> list[Path]:
    return [path for place in places for path in [CHECKOUT / place, *(CHECKOUT / place).rglob("*.py")]]


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def with_tests_they_import(paths: Iterable[Path]) -> set[Path]:
    """The benchmarks start servers and databases as the tests do, and must have what that needs."""
    found: set[Path] = set()
    waiting = [path for path in paths if path.is_file()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        names = [name for name in imported_modules(path) if name.startswith("tests.")]
        files = [(CHECKOUT / name.replace(".", "/")).with_suffix(".py") for name in names]
        waiting += [file for file in files if file.is_file()]
    return found


def distributions_of(paths: Iterable[Path]) -> set[str]:
    """The names on the package index of everything that is imported and neither ours nor Python's."""
    known = packages_distributions()
    tops = {name.partition(".")[0] for path in paths for name in imported_modules(path)}
    foreign = tops - set(OURS) - set(sys.stdlib_module_names)
    names = {known.get(top, [top])[0].replace("_", "-").lower() for top in foreign}
    return {COMES_WITH.get(name, name) for name in names}


def required(*extras: str) -> set[str]:
    config = ConfigParser()
    config.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    lists = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    lines = [line.strip() for text in lists for line in text.splitlines()]
    return {match.group().lower() for line in lines if (match := re.match(r"[\w-]+", line))}


@pytest.mark.parametrize(
    ("places", "extras"),
    [
        (("server", "schemas", "storage", "gunicorn.conf.py"), ("postgresql",)),
        (("server", "schemas", "storage", "scripts"), ("bench",)),
        (("server", "schemas", "storage", "tests"), ("test",)),
    ],
    ids=["serve", "bench", "test"],
)
def test_what_is_imported_is_required(places: tuple[str, ...], extras: tuple[str, ...]) -> None:
    needed = distributions_of(with_tests_they_import(sources_in(*places)))
    assert {"flask", "llama-cpp-python"} <= needed
    assert needed - required(*extras) == set()


def test_the_server_runs_without_any_extra() -> None:
    """Of the extras it imports only the driver of a database that somebody has asked for."""
    needed = distributions_of(with_tests_they_import(sources_in("server", "schemas", "storage", "gunicorn.conf.py")))
    assert needed - required() == {"psycopg2-binary"}
