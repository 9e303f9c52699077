"""Modules and imports, as they are read from the sources of a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.picture.imports import Checkout, read_checkout

SOURCES = {
    "server/__init__.py": "",
    "server/app.py": "import flask\nfrom server import errors\nfrom server.chat.parts import Part, Text",
    "server/errors.py": "",
    "server/chat/__init__.py": "from . import parts\nfrom .. import errors",
    "server/chat/parts.py": "from .text import Text\nfrom ..errors import Wrong",
    "server/chat/text.py": "if TYPE_CHECKING:\n    import server.errors\ndef late():\n    from storage import items",
    "storage/items.py": "from os.path import join",
    "tests/test_app.py": "import server.app",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for name, source in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    return read_checkout(tmp_path, ("server", "storage"))


def test_modules_have_their_full_names_and_packages_those_of_their_folders(checkout: Checkout) -> None:
    assert set(checkout.sources) == {
        "server",
        "server.app",
        "server.errors",
        "server.chat",
        "server.chat.parts",
        "server.chat.text",
        "storage.items",
    }


def test_ours_are_imported_to_the_module_and_others_as_they_are_written(checkout: Checkout) -> None:
    assert checkout.imports["server.app"] == {"flask", "server.errors", "server.chat.parts"}
    assert checkout.imports["storage.items"] == {"os.path"}


def test_relative_imports_have_full_names_too(checkout: Checkout) -> None:
    assert checkout.imports["server.chat"] == {"server.chat.parts", "server.errors"}
    assert checkout.imports["server.chat.parts"] == {"server.chat.text", "server.errors"}


def test_late_imports_and_those_for_types_count(checkout: Checkout) -> None:
    assert checkout.imports["server.chat.text"] == {"server.errors", "storage.items"}


def test_arrows_lead_to_modules_of_ours_only(checkout: Checkout) -> None:
    assert ("server.app", "server.errors") in set(checkout.arrows())
    assert {imported for _, imported in checkout.arrows()} <= set(checkout.sources)
