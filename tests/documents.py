"""README.md, CONTRIBUTING.md and docs/ as the tests read them, and the tables there that are made from the code.

    python -m tests.documents      writes them anew, each between its `<!-- made from ... -->` and `<!-- end -->`

A Python of the checkout's environment is needed, as for the tests. It does not know whether what stands there is true.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

from schemas.coverage.page import coverage_markdown
from server.settings import SettingInfo, list_model_keys, list_settings

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
CONTRIBUTING = CHECKOUT / "CONTRIBUTING.md"
SCRIPTS = CHECKOUT / "scripts" / "README.md"
SUBJECTS = tuple(sorted((CHECKOUT / "docs").glob("*.md")))
"""One document a subject."""

API, ARCHITECTURE, CONVERSATIONS, GENERATION, MODELS, OPERATIONS, PERFORMANCE, SETTINGS = (
    CHECKOUT / "docs" / f"{subject}.md"
    for subject in (
        "api",
        "architecture",
        "conversations",
        "generation",
        "models",
        "operations",
        "performance",
        "settings",
    )
)

DOCUMENTS = (README, CONTRIBUTING, SCRIPTS, *SUBJECTS)

MAPPED_PACKAGES = ("schemas", "server", "storage")
"""Of these the architecture has every package."""


def code_blocks(document: Path, language: str) -> list[str]:
    """The fenced code blocks of a language, those in lists as well."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


def languages(document: Path) -> set[str]:
    """The languages of its fenced code blocks, "" for a drawing."""
    fences = re.findall(r"^ *```(\w*)$", document.read_text(), re.MULTILINE)
    return set(fences[::2])


def section(document: Path, title: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{document.name} has no section {title!r}"
    return found[2]


def table_rows(text: str) -> list[list[str]]:
    """The cells of all tables in a text, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rules = {index for index, line in enumerate(lines) if re.fullmatch(r"[|\s-]+", line)}
    kept = [line for index, line in enumerate(lines) if not {index, index + 1} & rules]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in kept]


# --- tables that are made from the code -----------------------------------------------------------------------------


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown, ending with a newline."""
    lines = (head, ("---",) * len(head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def settings_markdown() -> str:
    return table(("Key", "What it is", "Accepts", "Default"), map(_setting_cells, list_settings()))


def model_keys_markdown() -> str:
    return table(("Key", "What it is", "Accepts", "Default"), map(_setting_cells, list_model_keys()))


def _setting_cells(info: SettingInfo) -> tuple[str, ...]:
    return f"`{info.name}`", info.doc, info.type, "" if info.default == "null" else info.default


def packages_markdown() -> str:
    """Every package with the first sentence of its docstring; what is in it, each file says itself."""
    paths = [path for package in MAPPED_PACKAGES for path in (CHECKOUT / package).rglob("__init__.py")]
    return table(("Package", "What it is"), map(_package_cells, sorted(paths, key=lambda path: path.parent)))


def _package_cells(path: Path) -> tuple[str, str]:
    name = path.parent.relative_to(CHECKOUT).as_posix()
    return f"`{name}/`", first_sentence(ast.get_docstring(ast.parse(path.read_text())) or "")


def first_sentence(docstring: str) -> str:
    """In one line, without the full stop."""
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    return re.split(r"(?<=[.?!]) ", paragraph)[0].removesuffix(".")


TABLES: dict[Path, dict[str, Callable[[], str]]] = {
    API: {"schemas/coverage/table.py": coverage_markdown},
    SETTINGS: {
        "server/settings/fields.py, Settings": settings_markdown,
        "server/settings/fields.py, ModelEntry": model_keys_markdown,
    },
    ARCHITECTURE: {"the packages' docstrings": packages_markdown},
}
"""By document and by what they are made from."""


def with_tables(document: Path) -> str:
    """A document with all tables as they should be."""
    text = document.read_text()
    for source, make in TABLES[document].items():
        start, end = f"<!-- made from {source} -->\n", "<!-- end -->\n"
        block = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        assert len(block.findall(text)) == 1, f"{document.name} must have {start.strip()} and {end.strip()} once"
        content = f"{start}\n{make()}\n{end}"
        text = block.sub(lambda _, content=content: content, text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    for made in TABLES:
        made.write_text(with_tables(made))
