"""The modules of a checkout and what each of them imports, read from the sources.

Imports inside functions and under TYPE_CHECKING count too. It does not know which imports are allowed.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checkout:
    """Modules by their full names; a package has the name of its folder."""

    root: Path
    sources: Mapping[str, Path]
    imports: Mapping[str, frozenset[str]]
    """Full names that each module imports: ours to the module, others as they are written."""

    def arrows(self) -> Iterator[tuple[str, str]]:
        """Importer and imported, for all imports among the modules."""
        for name, imported in self.imports.items():
            yield from ((name, other) for other in sorted(imported) if other in self.sources)


def read_checkout(root: Path, tops: Sequence[str]) -> Checkout:
    """Everything in the top-level folders `tops`."""
    paths = [path for top in tops for path in sorted((root / top).rglob("*.py"))]
    sources = {module_name(root, path): path for path in paths}
    imports = {name: frozenset(imported_names(name, path, sources)) for name, path in sources.items()}
    return Checkout(root, sources, imports)


def module_name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(name: str, path: Path, ours: Collection[str]) -> Iterator[str]:
    """Everything that the module `name` imports, by full names."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = _absolute(node, name, is_package=path.name == "__init__.py")
            members = [f"{package}.{alias.name}" for alias in node.names]
            yield from (member if member in ours else package for member in members)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _absolute(node: ast.ImportFrom, name: str, is_package: bool) -> str:
    """Package from which `node` imports, in the module `name`."""
    if not node.level:
        return node.module or ""
    num_dropped = node.level - is_package
    base = name.split(".")[: -num_dropped or None]
    return ".".join([*base, node.module] if node.module else base)
