"""How a setting names LoRA adapters, and what becomes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.models.catalogue import Catalogue
from server.protocol.engine_config import LoraAdapter
from server.settings import ModelEntry, Settings, SettingsError, load_settings, split_adapter


@pytest.mark.parametrize(
    ("text", "path", "scale"),
    [
        ("a.gguf", "a.gguf", 1.0),
        ("~/a.gguf:0.5", "~/a.gguf", 0.5),
        ("a.gguf:-1", "a.gguf", -1.0),
        ("a.gguf:0", "a.gguf", 0.0),
        ("odd:name.gguf", "odd:name.gguf", 1.0),
        ("odd:name.gguf:2", "odd:name.gguf", 2.0),
    ],
)
def test_a_scale_is_the_number_behind_the_last_colon(text: str, path: str, scale: float) -> None:
    assert split_adapter(text) == (path, scale)


@pytest.mark.parametrize("text", ["", "a.gguf:nan", "a.gguf:inf"])
def test_what_names_no_adapter_is_an_error_with_the_settings_name(text: str, tmp_path: Path) -> None:
    config = tmp_path / "parley.toml"
    config.write_text(f'lora = ["b.gguf", "{text}"]\n')
    with pytest.raises(SettingsError, match=r"lora.*names no LoRA adapter"):
        load_settings(config, {})


def test_a_model_has_its_own_adapters_or_those_of_all() -> None:
    entries = (
        ModelEntry(source="/m/a.gguf"),
        ModelEntry(source="/m/b.gguf", lora=("~/x.gguf:0.25",)),
        ModelEntry(source="/m/c.gguf", lora=()),
    )
    first, second, third = Catalogue.from_settings(Settings(models=entries, lora=("/l/all.gguf",))).models
    assert first.options.lora == (LoraAdapter("/l/all.gguf", 1.0),)
    assert second.options.lora == (LoraAdapter(os.path.expanduser("~/x.gguf"), 0.25),)
    assert third.options.lora == ()
