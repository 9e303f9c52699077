"""How long functions and files are. Knows one file at a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from scripts.picture.imports import parsed


def num_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def function_lengths(path: Path) -> Iterator[tuple[str, int]]:
    """Name and lines of every function, methods and nested ones included."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1
