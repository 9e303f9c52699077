"""The coverage table as Markdown, for docs/api.md."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.coverage.rows import Endpoint, Parameter
from schemas.coverage.table import ENDPOINTS, PARAMETERS


def coverage_markdown() -> str:
    """Tables of the endpoints and of each endpoint's parameters, ending with a newline."""
    parts = [_table(("Endpoint", "Status", "Note"), (_endpoint_cells(row) for row in ENDPOINTS))]
    for endpoint, rows in PARAMETERS.items():
        parts.append(f"Parameters of `POST /v1/{endpoint}`; what is not listed is ignored:\n")
        parts.append(_table(("Parameter", "Status", "Note"), (_parameter_cells(row) for row in rows)))
    return "\n".join(parts)


def _endpoint_cells(row: Endpoint) -> tuple[str, str, str]:
    return f"`{row.method} {row.path}`", row.status, _note(row)


def _parameter_cells(row: Parameter) -> tuple[str, str, str]:
    return f"`{row.name}`", row.status, _note(row)


def _note(row: Endpoint | Parameter) -> str:
    return "; ".join(part for part in ("not in OpenAI's API" * row.is_extra, row.note) if part)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
