"""README.md, CONTRIBUTING.md and docs/ say what the code says: every list and number in them is held against it."""

from __future__ import annotations

import configparser
import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from schemas.sampling import SamplingOptions
from schemas.tokens import MAX_CHARACTERS
from server.backends.local.submission import DEFAULT_SAMPLING
from server.cli.commands import main as parley
from server.cli.doctor import NEWEST_PYTHON, OLDEST_PYTHON
from server.engine.sampling import sampler
from server.errors import forbidden, loading, tree
from server.errors.tree import ParleyError
from server.http import strict_json
from server.models.source import DEMO_MODEL_ID, HubFile, LocalFile, parse_source
from server.protocol.values import SamplingParams
from server.settings import Settings, load_settings
from server.settings.fields import DEFAULT_DATABASE_FILE
from server.settings.load import CONFIG_VARIABLE
from server.settings.problems import variable_name
from server.turns.keeper import LEASE_SECONDS
from server.turns.turn import SAVE_SECONDS
from storage.db.address import parse_address
from storage.db.database import DEFAULT_POOL_SIZE
from storage.first_key import ADMIN_NAME
from tests.documents import (
    API,
    ARCHITECTURE,
    CHECKOUT,
    CONTRIBUTING,
    CONVERSATIONS,
    DOCUMENTS,
    GENERATION,
    MODELS,
    OPERATIONS,
    PERFORMANCE,
    README,
    SUBJECTS,
    TABLES,
    code_blocks,
    first_sentence,
    section,
    table_rows,
    with_tables,
)
from tests.test_architecture import RESERVED

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(CHECKOUT)))

TEST_NAMES = ("WORKERS", "DATABASE", "DATABASE_URL", "NUM_CALLS", "NUM_TURNS", "NUM_SCHEMAS", "CHROMIUM", "PICTURES")
TEST_VARIABLES = {f"PARLEY_TEST_{name}" for name in TEST_NAMES}
OTHER_VARIABLES = {CONFIG_VARIABLE, *TEST_VARIABLES}

MAX_README_BYTES = 10_000


def words(document: Path) -> str:
    """The text without line breaks."""
    return " ".join(document.read_text().split())


def codes(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("document", TABLES, ids=lambda document: document.name)
def test_the_tables_are_those_of_the_code(document: Path) -> None:
    assert document.read_text() == with_tables(document), f"{document.name} is out of date: python -m tests.documents"


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("One thing.", "One thing"),
        ("Over\ntwo lines. And more.", "Over two lines"),
        ("A title without a stop\n\nMore.", "A title without a stop"),
        ("Runs `python -m a.b.c`, or not? Yes.", "Runs `python -m a.b.c`, or not?"),
    ],
)
def test_a_module_is_described_by_its_first_sentence(docstring: str, sentence: str) -> None:
    assert first_sentence(docstring) == sentence


# --- names ----------------------------------------------------------------------------------------------------------


@each_document
def test_paths_that_are_mentioned_exist(document: Path) -> None:
    paths = re.findall(r"(?<![\w/.])((?:server|schemas|storage|scripts|tests|\.ci)/[\w./]*\w/?)", document.read_text())
    assert paths
    assert [path for path in paths if not (CHECKOUT / path).exists()] == []


@each_document
def test_variables_that_are_mentioned_are_settings(document: Path) -> None:
    known = {variable_name(key) for key in Settings.model_fields} | OTHER_VARIABLES
    assert set(re.findall(r"\bPARLEY_[A-Z_]*[A-Z]\b", document.read_text())) <= known


@each_document
def test_commands_that_are_mentioned_exist(document: Path) -> None:
    for words_of_one in re.findall(r"bin/parley ((?:[a-z]+ ?)+)", document.read_text()):
        find_command(parley, words_of_one.split())


def find_command(group: click.Group, names: list[str]) -> None:
    """Follow the names of commands as far as commands have commands; what comes then are arguments."""
    assert names[0] in group.commands, names
    command = group.commands[names[0]]
    if isinstance(command, click.Group):
        find_command(command, names[1:])


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(document: Path) -> set[str]:
    """Those that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


# --- README ---------------------------------------------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len(README.read_bytes()) <= MAX_README_BYTES


def test_the_readme_links_to_every_document() -> None:
    links = set(re.findall(r"\]\(([^)#]+)", README.read_text()))
    assert {document.relative_to(CHECKOUT).as_posix() for document in (*SUBJECTS, CONTRIBUTING)} <= links


def test_the_figures_of_the_readme_are_those_that_were_measured() -> None:
    measured = {tuple(row[:3]) for row in table_rows(section(PERFORMANCE, "Beside llama-server, on a CPU"))}
    figures = {tuple(row[:3]) for row in table_rows(section(README, "Measured"))}
    assert len(figures) == 3
    assert figures <= measured


# --- docs/ ----------------------------------------------------------------------------------------------------------


def mapped() -> set[str]:
    """The top level as the file map has it."""
    rows = table_rows(section(ARCHITECTURE, "Files").partition("<!--")[0])
    return {path for cell, _ in rows for path in codes(cell)}


def tracked() -> Iterator[str]:
    """The top level as git has it, folders with a slash."""
    if not (CHECKOUT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip(f"git does not want to: {listing.stderr}")  # such as in somebody else's checkout
    for path in listing.stdout.split("\0")[:-1]:
        top, slash, _ = path.partition("/")
        yield top + slash


def test_the_file_map_has_everything_at_the_top_level() -> None:
    assert set(tracked()) <= mapped()


def test_everything_in_the_file_map_exists() -> None:
    assert [path for path in mapped() if not (CHECKOUT / path).exists()] == []


def test_the_forms_of_a_models_name_are_understood() -> None:
    forms = [codes(row[0])[0] for row in table_rows(section(MODELS, "Names"))]
    sources = [parse_source(form) for form in forms]
    assert [type(source) for source in sources] == [LocalFile] + [HubFile] * (len(forms) - 1)
    assert [source.revision for source in sources if isinstance(source, HubFile)][-1] == "main"


def test_the_example_of_several_models_can_be_used(tmp_path: Path) -> None:
    (example,) = code_blocks(MODELS, "toml")
    config = tmp_path / "parley.toml"
    config.write_text(example)
    assert [entry.embedding for entry in load_settings(config, {}).models] == [None, None, True]


def test_the_settings_in_the_readme_can_be_used(tmp_path: Path) -> None:
    (example,) = code_blocks(README, "toml")
    config = tmp_path / "parley.toml"
    config.write_text(example)
    settings = load_settings(config, {})
    assert (settings.slots, settings.kv_disk_mb, settings.auth) == (8, 4096, "keys")
    assert [entry.embedding for entry in settings.models] == [None, True]


def test_systemd_waits_longer_than_a_stop_takes() -> None:
    (example,) = code_blocks(OPERATIONS, "ini")
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(example)
    assert unit["Service"].getint("TimeoutStopSec") > Settings.model_fields["graceful_timeout_seconds"].default


def test_the_databases_that_are_mentioned_can_be_configured() -> None:
    urls = re.findall(r'`database_url = "([^"]+)"`', words(OPERATIONS))
    assert [type(parse_address(url)).__name__ for url in urls] == ["SqliteFile", "PostgresServer"]


def test_the_sampling_defaults_are_those_of_the_code() -> None:
    written = {codes(name)[0]: float(value) for name, value in table_rows(section(GENERATION, "Sampling"))}
    neutral = SamplingParams()
    names = {field.name for field in dataclasses.fields(SamplingOptions)}
    names -= {"logit_bias", "seed", "dry_sequence_breakers"}
    in_code = {name: DEFAULT_SAMPLING.get(name, getattr(neutral, name)) for name in names}
    assert written == {{"penalty_last_n": "repeat_last_n"}.get(name, name): value for name, value in in_code.items()}


def test_the_order_of_sampling_is_that_of_the_code() -> None:
    def steps(text: str) -> list[str]:
        return re.findall(r"^(\d\. .*?)(?=^\d\. |\n\n)", text, re.MULTILINE | re.DOTALL)

    in_code = steps(sampler.__doc__ or "")
    written = steps(section(GENERATION, "Sampling"))
    assert len(in_code) == len(written) == 6
    filters = in_code[3].removeprefix("4. ").strip().replace("-", "_").split(", ")
    assert re.findall(r"\w+", written[3])[1:] == filters


ERRORS_BESIDE_THE_TREE = (forbidden, loading)
"""Loaded here, so that their classes are among those of the tree."""


def error_classes(kind: type[ParleyError] = ParleyError) -> Iterator[type[ParleyError]]:
    yield kind
    for other in kind.__subclasses__():
        yield from error_classes(other)


def test_the_errors_are_those_of_the_code() -> None:
    for module in ERRORS_BESIDE_THE_TREE:
        names = {name for name, kind in vars(module).items() if isinstance(kind, type)}
        assert names & set(re.findall(r"\w+", tree.__doc__ or "")) == names, "the tree is drawn as a whole"
    of_schemas = {(400, code) for code in ("invalid_type", "invalid_value", "missing_required_parameter")}
    ours = [kind for kind in error_classes() if kind.__module__.startswith("server.errors.")]
    in_code = {(kind.status, kind.default_code) for kind in ours if kind.default_code}
    written = {(int(status), code) for status, cell, _ in table_rows(section(API, "Errors")) for code in codes(cell)}
    assert written == in_code | of_schemas


@pytest.mark.parametrize(
    ("document", "phrase"),
    [
        (README, f"Python {'.'.join(map(str, OLDEST_PYTHON))} to {'.'.join(map(str, NEWEST_PYTHON))}"),
        (README, f"on {Settings.model_fields['bind'].default}"),
        (README, DEMO_MODEL_ID),
        (MODELS, DEMO_MODEL_ID),
        (API, f"at most {strict_json.MAX_DEPTH} levels deep"),
        (CONVERSATIONS, f"stored every {SAVE_SECONDS:g} seconds"),
        (CONVERSATIONS, f"after at most {LEASE_SECONDS:g} seconds"),
        (OPERATIONS, f"for more than {LEASE_SECONDS:g} seconds"),
        (OPERATIONS, f"at most {DEFAULT_POOL_SIZE} connections"),
        (GENERATION, f"may have {MAX_CHARACTERS:,} at most"),
        (OPERATIONS, f"SQLite file `{DEFAULT_DATABASE_FILE}` in `data_dir`"),
        (OPERATIONS, f"new user `{ADMIN_NAME}`"),
        (OPERATIONS, f"names them in `{Settings.model_fields['header_user'].default}`"),
        (OPERATIONS, f'`cors_origins` is `["{Settings.model_fields["cors_origins"].default[0]}"]` by default'),
    ],
)
def test_a_number_or_name_is_that_of_the_code(document: Path, phrase: str) -> None:
    assert phrase in words(document)


# --- what may import what, and files --------------------------------------------------------------------------------


def test_the_architecture_says_what_may_be_imported_where() -> None:
    rows = table_rows(section(ARCHITECTURE, "What may import what"))
    written = {codes(part)[0]: [] if importers.startswith("nothing") else codes(importers) for part, importers in rows}
    assert written == {reserved.target: list(reserved.importers) for reserved in RESERVED}


# --- CONTRIBUTING ---------------------------------------------------------------------------------------------------


def test_contributing_lists_everything_that_helps_tests() -> None:
    written = {codes(file)[0] for file, _ in table_rows(section(CONTRIBUTING, "Tests"))}
    helpers = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "tests").rglob("*.py")}
    assert written == {path for path in helpers if not Path(path).name.startswith(("test_", "__init__"))}
