"""What a browser loads before it shows the page, as it was built: it stays small, and names nobody else."""

from __future__ import annotations

import gzip
import re

import pytest

from server.chat_page import INSTALLED, PageFile
from tests.web import needs

MAX_FIRST_LOAD_BYTES = 45_000


@pytest.fixture(scope="module")
def first_load() -> list[PageFile]:
    """The page with the scripts and styles that it names."""
    needs.built_page()
    index = INSTALLED.index()
    assert index is not None
    names = re.findall(r'(?:src|href)="/assets/([^"]+\.(?:js|css))"', index.content.decode())
    assert names
    assets = [INSTALLED.asset(name) for name in names]
    assert None not in assets
    return [index, *filter(None, assets)]


def test_the_first_load_is_small(first_load: list[PageFile]) -> None:
    sizes = [len(file.compressed or gzip.compress(file.content)) for file in first_load]
    assert sum(sizes) <= MAX_FIRST_LOAD_BYTES


def test_the_page_is_sent_in_its_compressed_form(first_load: list[PageFile]) -> None:
    _, *assets = first_load
    assert [file.content_type for file in assets if gzip.decompress(file.compressed or b"") != file.content] == []
