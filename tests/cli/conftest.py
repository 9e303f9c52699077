"""Fixtures for tests of commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def no_settings_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file of settings in the current directory nor settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PARLEY_")]:
        monkeypatch.delenv(name)
