"""Sentences about settings that are wrong: which one, its value, what is allowed, where it came from.

Knows pydantic's errors; does not know how settings are found.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from server.settings.fields import Settings
from server.settings.model_entry import ModelEntry

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

MAX_SHOWN_LENGTH = 80


class SettingsError(Exception):
    """The server must not start with these settings. Each problem is a sentence that names its setting."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(["Parley cannot start with these settings:", *(f"  - {text}" for text in problems)]))


def variable_name(key: str) -> str:
    return f"PARLEY_{key.upper()}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key.lower(), list(known), n=1)
    return _unknown(near[0] if near else None)


def unknown_variable(name: str) -> str:
    near = difflib.get_close_matches(name.removeprefix("PARLEY_").lower(), list(Settings.model_fields), n=1)
    return f"{name}: {_unknown(variable_name(near[0]) if near else None)}"


def _unknown(near: str | None) -> str:
    hint = f"did you mean {near}?" if near else "parley.toml.example lists them all"
    return f"there is no such setting; {hint}"


def invalid_settings(error: ValidationError, origins: Mapping[str, str]) -> list[str]:
    """One sentence for each error; `origins` says where the value of each key came from."""
    return [_sentence(details, origins) for details in error.errors(include_url=False)]


def _sentence(details: ErrorDetails, origins: Mapping[str, str]) -> str:
    key = str(details["loc"][0])
    path = re.sub(r"\.(\d+)", r"[\1]", ".".join(str(part) for part in details["loc"]))
    origin = origins.get(key, "default")
    if details["type"] in ("extra_forbidden", "missing"):
        return f"{path} ({origin}): {_reason(details)}"
    return f"{path} = {_shown(details['input'])} ({origin}): {_reason(details)}"


def _reason(details: ErrorDetails) -> str:
    fields = ModelEntry.model_fields if len(details["loc"]) > 2 else Settings.model_fields
    if details["type"] == "extra_forbidden":
        return unknown_key(str(details["loc"][-1]), fields)
    if details["type"] == "missing":
        return "is missing, and it must be given"
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    return f"must be {allowed(_schema_at(details['loc']))}"


def _shown(value: object) -> str:
    """The value as TOML would spell it, cut short, without passwords of URLs."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    text = re.sub(r"//[^/@\s\"]*@", "//***@", text)
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}..."


# --- what is allowed, from the JSON Schema of the fields -----------------------------------------------------------


def _schema_at(loc: tuple[int | str, ...]) -> dict[str, Any]:
    """The schema of the value at `loc`, such as ("models", 1, "slots")."""
    schema: dict[str, Any] = Settings.model_json_schema()
    entry = schema["$defs"]["ModelEntry"]
    for part in loc:
        schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
        schema = _not_null(schema)
        schema = entry if "$ref" in schema else schema
    return schema


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices: list[dict[str, Any]] = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return choices[0] if choices else schema


def allowed(schema: dict[str, Any]) -> str:
    """Values that a field accepts, in words: "a whole number from 1 to 256"."""
    schema = _not_null(schema)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(choice) for choice in schema["enum"])
    if schema["type"] == "array":
        return f"a list of {_PLURALS[schema['items'].get('type', 'object')]}"
    return _NAMES[schema["type"]] + _range(schema)


_NAMES = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}
_PLURALS = {"string": "text", "object": "tables"}


def _range(schema: dict[str, Any]) -> str:
    low, high, above = (schema.get(name) for name in ("minimum", "maximum", "exclusiveMinimum"))
    if above is not None:
        return f" above {above:g}" + (f" and at most {high:g}" if high is not None else "")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return " that is not empty" if schema.get("minLength") else ""
