"""Strings that bear marks: they read like others, and keep their marks through what templates do with them."""

from __future__ import annotations

import json

import pytest
from markupsafe import Markup

from server.chat.template.text import TemplateText, plain

TEXT = TemplateText(" <a> ", " XYZ ")


def test_it_reads_as_its_text_and_is_written_with_its_marks() -> None:
    assert TEXT == " <a> "
    assert hash(TEXT) == hash(" <a> ")
    assert "<a>" in TEXT
    assert json.dumps([TEXT]) == '[" <a> "]'
    assert str(TEXT) == f"{TEXT}" == " XYZ "
    assert type(plain(TEXT)) is str
    assert plain(TEXT) == " <a> "
    assert plain(3) == 3


@pytest.mark.parametrize(
    ("made", "text", "marked"),
    [
        (TEXT + "b", " <a> b", " XYZ b"),
        ("b" + TEXT, "b <a> ", "b XYZ "),
        (TEXT + TEXT, " <a>  <a> ", " XYZ  XYZ "),
        (TEXT[1:3], "<a", "XY"),
        (TEXT[-2], ">", "Z"),
        (TEXT.strip(), "<a>", "XYZ"),
        (TEXT.lstrip(" <"), "a> ", "YZ "),
        (TEXT.rstrip("> "), " <a", " XY"),
        (TemplateText("   ", "   ").strip(), "", ""),
    ],
)
def test_marks_stay_where_they_are(made: str, text: str, marked: str) -> None:
    assert isinstance(made, TemplateText)
    assert (plain(made), str(made)) == (text, marked)


def test_what_is_not_known_to_keep_marks_gives_plain_text() -> None:
    for made in (TEXT.upper(), TEXT.replace("a", "b"), TEXT * 2, TEXT.split("a")[0], "".join([TEXT])):
        assert type(made) is str
        assert "X" not in made


def test_text_that_is_safe_escapes_it_like_any_other() -> None:
    assert TEXT.strip() + Markup("<b>") == "XYZ<b>"
    assert Markup("<b>") + TemplateText("<a>", "<Y>") == "<b>&lt;Y&gt;"


def test_only_strings_can_be_added() -> None:
    with pytest.raises(TypeError):
        TEXT + 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        1 + TEXT  # type: ignore[operator]
