"""Folders as boxes and arrows, their circles, and the order against which few arrows run."""

from __future__ import annotations

import pytest

from scripts.picture.boxes import arrows_between_boxes, box_of, circles, folders, layered, room_of, upward

LINE = {("a", "b"), ("b", "c"), ("a", "c")}
TWO_CIRCLES = LINE | {("c", "b"), ("d", "e"), ("e", "f"), ("f", "d")}


def test_every_folder_on_the_way_to_a_module_counts() -> None:
    assert folders(["server.chat.parts", "server.app", "storage.items"]) == ["", "server", "server.chat", "storage"]


@pytest.mark.parametrize(
    ("folder", "name", "box"),
    [
        ("server", "server.chat.parts", "server.chat"),
        ("server", "server.app", "server.app"),
        ("server", "server", "server.__init__"),
        ("server", "servers.app", None),
        ("", "server.app", "server"),
    ],
)
def test_a_module_lies_in_one_box_of_a_folder(folder: str, name: str, box: str | None) -> None:
    assert box_of(folder, name) == box


def test_a_package_is_a_room_and_so_is_the_folder_of_a_module() -> None:
    packages = ("server", "server.chat")
    assert [room_of(name, packages) for name in ("server.chat", "server.chat.parts", "server.app")] == [
        "server.chat",
        "server.chat",
        "server",
    ]


def test_arrows_within_a_box_and_those_that_leave_the_folder_are_left_out() -> None:
    arrows = [
        ("server.chat.parts", "server.chat.text"),
        ("server.chat.parts", "server.errors"),
        ("server.chat.text", "server.errors"),
        ("server.app", "storage.items"),
    ]
    assert arrows_between_boxes("server", arrows) == {("server.chat", "server.errors")}
    assert arrows_between_boxes("", arrows) == {("server", "storage")}


def test_circles_are_groups_that_lead_to_each_other() -> None:
    assert circles(LINE) == []
    assert circles(TWO_CIRCLES) == [["b", "c"], ["d", "e", "f"]]


def test_importers_come_first_in_the_order() -> None:
    assert layered(LINE) == ["a", "b", "c"]
    assert upward(LINE, ["a", "b", "c"]) == []
    assert upward(LINE, ["b", "a", "c"]) == [("a", "b")]


def test_one_arrow_of_each_circle_runs_upward() -> None:
    order = layered(TWO_CIRCLES)
    assert sorted(order) == ["a", "b", "c", "d", "e", "f"]
    assert len(upward(TWO_CIRCLES, order)) == 2
