"""scripts/rooms: the figures of a checkout, as text and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.picture.imports import read_checkout
from scripts.picture.picture import Picture, Room, Sized, picture_of

CHECKOUT = Path(__file__).parents[3]

SOURCES = {
    "server/app.py": "from server.chat import text\nfrom server import errors\ndef one():\n    return text\n",
    "server/errors.py": "def two():\n    pass\n\n\ndef three():\n    a = 1\n    b = 2\n    return a + b\n",
    "server/chat/text.py": "import server.errors\nimport server.app\n",
}


def write_checkout(root: Path) -> Path:
    for name, source in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source)
    return root


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    return picture_of(read_checkout(write_checkout(tmp_path), ("server",)))


def test_rooms_are_folders_and_arrows_lead_between_them(picture: Picture) -> None:
    assert (picture.num_rooms, picture.num_arrows) == (2, 2)
    assert picture.rooms == [Room("server", num_boxes=3, num_arrows=4), Room("server.chat", 1, 0)]


def test_a_circle_is_named_with_the_arrow_that_closes_it(picture: Picture) -> None:
    assert picture.circles == [["server.app", "server.chat"]]
    assert picture.upward == [("server.chat", "server.app")]


def test_functions_and_files_are_measured(picture: Picture) -> None:
    assert (picture.num_files, picture.num_lines, picture.num_functions) == (3, 14, 3)
    assert picture.median_function_lines == 2
    assert picture.longest_function == Sized("server/errors.py: three", 4)
    assert picture.largest_files[0] == Sized("server/errors.py", 8)


def test_a_folder_without_our_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no Python code"):
        picture_of(read_checkout(tmp_path, ("server",)))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.picture", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_another_checkout_can_be_looked_at(tmp_path: Path) -> None:
    outcome = run(str(write_checkout(tmp_path)))
    *text, line = outcome.stdout.splitlines()
    assert json.loads(line) == {
        "benchmark": "rooms",
        "figures": {
            "num_rooms": 2,
            "num_arrows": 2,
            "num_circles": 1,
            "num_upward": 1,
            "num_files": 3,
            "num_lines": 14,
            "num_functions": 3,
            "median_function_lines": 2,
            "longest_function_lines": 4,
            "largest_file_lines": 8,
            "rooms": {"server": [3, 4], "server.chat": [1, 0]},
        },
    }
    assert any("server.chat -> server.app" in written for written in text)


def test_this_checkout_is_looked_at_if_no_other_is_given() -> None:
    figures = json.loads(run().stdout.splitlines()[-1])["figures"]
    assert {"server", "server.engine", "scripts.picture"} <= set(figures["rooms"])


def test_what_is_no_checkout_is_told_in_a_sentence(tmp_path: Path) -> None:
    outcome = run(str(tmp_path))
    assert outcome.stderr == f"rooms: {tmp_path} has no Python code of ours\n"
    assert outcome.returncode == 1
