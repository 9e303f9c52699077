"""The shape of the page's sources: what may import what, who talks to the server, and how large files may become."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

from tests.live_server import CHECKOUT

SRC = CHECKOUT / "server" / "web" / "src"
SOURCES = {
    path.relative_to(SRC).with_suffix("").as_posix(): path.read_text()
    for path in sorted(SRC.rglob("*.ts*"))
    if path.suffix in (".ts", ".tsx")
}
MAX_LINES = 400

IMPORT = re.compile(
    r"""^\s*(?:import|export)\s+(?P<type>type\s)?(?:[^"';]*?\sfrom\s+)?["'](?P<from>[^"']+)["']
    | \bimport\(\s*["'](?P<late>[^"']+)["']""",
    re.MULTILINE | re.VERBOSE,
)

RULES = {
    "api": ("state", "markdown", "components", "main"),
    "state": ("components", "main", "markdown"),
    "markdown": ("api", "state", "components", "main"),
    "components": ("api", "main"),
    "words": ("api", "state", "markdown", "components", "main"),
    "clipboard": ("api", "state", "markdown", "components", "main"),
    "format": ("api", "state", "markdown", "components", "main"),
}
"""What the members of a room must not import: components read states, only states talk to the server, and what makes
elements of a text knows neither."""
SPARED = {("state", "markdown/stream")}
"""The text of a running answer is a state that grows."""


def imports_of(text: str) -> Iterator[tuple[str, bool]]:
    """What a module imports of ours or from elsewhere, as it is written, and whether that is types only."""
    for found in IMPORT.finditer(text):
        yield found["from"] or found["late"], bool(found["type"])


def own_imports(name: str, *, with_types: bool) -> set[str]:
    """The modules of the page that a module of it imports."""
    folder = posixpath.dirname(name)
    written = (
        target
        for target, is_type in imports_of(SOURCES[name])
        if target.startswith(".") and (with_types or not is_type) and not target.endswith((".css", ".svg"))
    )
    return {posixpath.normpath(posixpath.join(folder, target)) for target in written}


def room_of(module: str) -> str:
    return module.partition("/")[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('import { a } from "./a";', [("./a", False)]),
        ('import type { A } from "../api/types";', [("../api/types", True)]),
        ('import "./styles/base.css";', [("./styles/base.css", False)]),
        ('import {\n  a,\n  b,\n} from "./a";', [("./a", False)]),
        ('export { a } from "./a";', [("./a", False)]),
        ('const { a } = await import("./late");', [("./late", False)]),
        ('import x from "preact";\nimport y from "./y";', [("preact", False), ("./y", False)]),
        ('const text = "from here";\nexport const a = 1;\nimport b from "./b";', [("./b", False)]),
    ],
)
def test_imports_are_seen(line: str, expected: list[tuple[str, bool]]) -> None:
    assert list(imports_of(line)) == expected


def test_all_that_is_imported_of_the_page_exists() -> None:
    """Or else the rules below would not see it."""
    assert "main" in SOURCES
    missing = [(name, found) for name in SOURCES for found in own_imports(name, with_types=True) - SOURCES.keys()]
    assert missing == []


def test_imports_go_one_way() -> None:
    """Types may be imported from anywhere, as nothing of them is left in the page."""
    offences = [
        f"{name} imports {imported}"
        for name in SOURCES
        for imported in sorted(own_imports(name, with_types=False))
        if room_of(imported) in RULES.get(room_of(name), ()) and (room_of(name), imported) not in SPARED
    ]
    assert offences == []


def test_every_room_has_a_rule() -> None:
    assert {room_of(name) for name in SOURCES} <= {*RULES, "main"}


def test_no_modules_of_the_page_import_each_other_in_a_circle() -> None:
    TopologicalSorter({name: own_imports(name, with_types=False) for name in SOURCES}).prepare()


def test_only_the_api_talks_to_the_server() -> None:
    """Whatever else made requests would know nothing of keys, errors and streams."""
    talking = re.compile(r"(?<![.\w])fetch\([^)]|\b(?:XMLHttpRequest|EventSource|WebSocket|sendBeacon)\b")
    assert [name for name, text in SOURCES.items() if talking.search(text) and room_of(name) != "api"] == []


def test_no_file_of_the_page_is_longer_than_four_hundred_lines() -> None:
    lengths = {
        path: len(path.read_text().splitlines()) for path in SRC.rglob("*") if path.suffix in (".ts", ".tsx", ".css")
    }
    assert {path.name: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_every_module_of_the_page_says_what_it_is() -> None:
    assert [name for name, text in SOURCES.items() if not text.startswith("/*")] == []


def test_what_is_imported_from_elsewhere_is_declared() -> None:
    """Node finds packages of packages, too, until those are somewhere else."""
    package = (CHECKOUT / "server/web/package.json").read_text()
    foreign = {target for text in SOURCES.values() for target, _ in imports_of(text) if not target.startswith(".")}
    names = {"/".join(target.split("/")[: 2 if target.startswith("@") else 1]) for target in foreign}
    assert "preact" in names
    assert [name for name in sorted(names) if f'"{name}":' not in package] == []
