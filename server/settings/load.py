"""Finding the settings: variables over the file over the defaults.

Own code instead of pydantic-settings because every value must be traced to the file or variable it came from, and an
unknown variable must stop the start; what pydantic-settings would still do is one dict merge for 60 ms of imports.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from server.settings.fields import Settings
from server.settings.problems import SettingsError, invalid_settings, unknown_variable, variable_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PREFIX = "PARLEY_"
CONFIG_VARIABLE = "PARLEY_CONFIG"
TEST_PREFIX = "PARLEY_TEST_"
"""Variables of the test suite; the server leaves them alone."""


def load_settings(config_path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from `config_path`, or the file that `find_config_file` finds, and from `environ`.

    Raise SettingsError, carrying everything that is wrong at once. A variable that is empty counts as not set.
    """
    path = find_config_file(config_path, environ)
    from_file = _read_file(path) if path else {}
    from_variables, problems = _read_variables(environ)
    origins = dict.fromkeys(from_file, f"in {path}") | {key: f"from {variable_name(key)}" for key in from_variables}
    try:
        settings = Settings.model_validate({**from_file, **from_variables})
    except ValidationError as error:
        raise SettingsError(*invalid_settings(error, origins), *problems) from None
    if problems:
        raise SettingsError(*problems)
    return settings


def find_config_file(config_path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file to read: the one given, or PARLEY_CONFIG's, or ./parley.toml if there is one."""
    if config_path is not None:
        return config_path.absolute()
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE]).expanduser().absolute()
    in_current_directory = Path("parley.toml").absolute()
    return in_current_directory if in_current_directory.exists() else None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the configuration file {path} is not valid TOML: {error}") from None


def _read_variables(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Values by key, and a sentence for each variable that is no setting."""
    known = {variable_name(key): key for key in Settings.model_fields}
    values = {key: environ[variable] for variable, key in known.items() if environ.get(variable)}
    return values, [unknown_variable(name) for name in sorted(environ) if _is_ours(name) and name not in known]


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and name != CONFIG_VARIABLE and not name.startswith(TEST_PREFIX)
