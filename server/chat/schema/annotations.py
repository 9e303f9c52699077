"""A schema without what only people and models read: descriptions may be most of it, and constrain nothing.

It does not know which of the other words can be kept to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.chat.schema.keywords import LISTS, MAPS, SINGLES
from server.chat.schema.pace import take_step

ANNOTATIONS = frozenset(
    [
        *("title", "description", "markdownDescription", "$comment", "default", "example", "examples"),
        *("enumNames", "enumDescriptions", "deprecated", "readOnly", "writeOnly"),
    ]
)


def without_annotations(schema: Any) -> Any:
    """The schema, and all schemas in it, less `ANNOTATIONS`: new objects wherever there may be one."""
    if not isinstance(schema, Mapping):
        return schema
    take_step()
    return {keyword: _value(keyword, value) for keyword, value in schema.items() if keyword not in ANNOTATIONS}


def _value(keyword: str, value: Any) -> Any:
    if keyword in MAPS and isinstance(value, Mapping):
        return {name: without_annotations(child) for name, child in value.items()}
    if keyword in (*LISTS, "items") and isinstance(value, list):
        return list(map(without_annotations, value))
    return without_annotations(value) if keyword in SINGLES else value
