"""parley.toml.example: every setting is in it once, with its default, and all of it can be used."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from server.settings import ModelEntry, Settings, load_settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = (Path(__file__).parents[1] / "parley.toml.example").read_text()

COMPUTED = {name for name, field in Settings.model_fields.items() if field.default is None or field.default_factory}
"""Settings whose default depends on the machine or the model; TOML could not even say None."""


def with_settings_active(text: str) -> str:
    """The example as an operator leaves it who removes the # of every setting; of a comment, `# `, nothing goes."""
    return re.sub(r"^#(?=[a-z\[])", "", text, flags=re.MULTILINE)


def top_level_and_models() -> tuple[str, str]:
    text = with_settings_active(EXAMPLE)
    start = text.index("[[models]]")
    return text[:start], text[start:]


def written_values() -> dict[str, Any]:
    return tomllib.loads(top_level_and_models()[0])


def test_untouched_it_changes_nothing(tmp_path: Path) -> None:
    config = tmp_path / "parley.toml"
    config.write_text(EXAMPLE)
    assert load_settings(config, {}) == load_settings(None, {})


def test_every_setting_is_in_it() -> None:
    assert set(written_values()) | {"models"} == set(Settings.model_fields)


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - COMPUTED - {"models", "data_dir"}))
def test_a_setting_stands_there_with_its_default(name: str) -> None:
    written = Settings.model_validate({name: written_values()[name]})
    assert getattr(written, name) == getattr(Settings(), name)


def test_the_data_directory_stands_there_with_its_default() -> None:
    assert Settings.model_validate({"data_dir": written_values()["data_dir"]}).data_dir == Settings().data_dir


@pytest.mark.parametrize("name", sorted(COMPUTED))
def test_a_setting_with_a_computed_default_has_a_comment_that_tells_it(name: str) -> None:
    match = re.search(rf"((?:^# .*\n)+)#{name} = ", EXAMPLE, re.MULTILINE)
    assert match is not None
    assert re.search(r"By default|Without it", match[1])


def test_with_every_setting_active_it_can_be_used(tmp_path: Path) -> None:
    config = tmp_path / "parley.toml"
    config.write_text(top_level_and_models()[0])
    assert load_settings(config, {}).slots == 4


def test_its_model_table_has_every_key_and_can_be_used(tmp_path: Path) -> None:
    config = tmp_path / "parley.toml"
    config.write_text(top_level_and_models()[1])
    (entry,) = load_settings(config, {}).models
    assert entry.model_fields_set == set(ModelEntry.model_fields)
