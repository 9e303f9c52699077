"""The settings as documentation: what docs/settings.md and parley.toml.example are tested against."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from server.settings.fields import Settings
from server.settings.model_entry import ModelEntry
from server.settings.problems import allowed, variable_name


@dataclass(frozen=True)
class SettingInfo:
    name: str
    """The key in `parley.toml`."""
    variable: str | None
    """Environment variable; None for the keys of a `[[models]]` table."""
    type: str
    """Values that it accepts, in words, such as "a whole number from 1 to 256"."""
    default: str
    """Default as TOML spells it, or in words where it is computed."""
    doc: str


def list_settings() -> tuple[SettingInfo, ...]:
    """Every setting, in the order in which they are documented."""
    properties = Settings.model_json_schema()["properties"]
    return tuple(_info(name, variable_name(name), schema) for name, schema in properties.items())


def list_model_keys() -> tuple[SettingInfo, ...]:
    """The keys of a `[[models]]` table."""
    properties = ModelEntry.model_json_schema()["properties"]
    return tuple(_info(name, None, schema) for name, schema in properties.items())


def _info(name: str, variable: str | None, schema: dict[str, Any]) -> SettingInfo:
    return SettingInfo(name, variable, allowed(schema), _default_text(schema), schema["description"])


def _default_text(schema: dict[str, Any]) -> str:
    """Words stand in the schema as they are; a text value is what could be written to the file."""
    default = schema.get("default")
    return default if isinstance(default, str) else json.dumps(default)
