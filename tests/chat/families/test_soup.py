"""Every family on rubbish made of its own pieces: it ends, raises nothing, and cuts make no difference."""

from __future__ import annotations

import random

import pytest

from server.chat.calls.family import ToolFamily
from server.chat.families.detection import FAMILIES, GENERIC
from tests.chat.tool_families import TOOLS, summary, taken_apart

PIECES = (
    *("{", "}", "[", "]", '"', ":", ",", " ", "\n", "=", ">", "<", "</", "(", ")", "\\", "'", "a", "1", "true"),
    *("get_weather", "add", "rm", '"name": ', '"arguments": ', '{"a": 1}', '{"name": "add", "arguments": {"a": 1}}'),
    *("<function=add>", "<parameter=a>", "</parameter>", "</function>", "<arg_key>a</arg_key>", "<arg_value>1"),
    *("assistant", "analysis", "commentary", " to=functions.add", "call:add{", "functions.add:0", "```json\n", "```"),
    *('<invoke name="add">', '<parameter name="a">', "</invoke>", "function", "Action:", "add("),
)


@pytest.mark.parametrize("family", [*FAMILIES, GENERIC], ids=lambda family: str(family.name))
def test_rubbish_is_taken_apart_somehow(family: ToolFamily) -> None:
    chance = random.Random(family.name)
    own = [*family.markers, *family.call_starts] or ["{"]
    for _ in range(30):
        length = chance.randrange(1, 9)
        text = "".join(chance.choice(own if chance.random() < 0.4 else PIECES) for _ in range(length))
        taken_apart(family, text[:70])


@pytest.mark.parametrize("family", [*FAMILIES, GENERIC], ids=lambda family: str(family.name))
def test_much_rubbish_takes_no_longer_than_its_length_says(family: ToolFamily) -> None:
    """Openings upon openings, none of which is a call: much longer if each were looked at to the end of the text."""
    for piece in (*family.call_starts, *(f'{start}{{"x": "' for start in family.call_starts), '{"a": [', "\n "):
        parser = family.parser(TOOLS)
        parts = [part for _ in range(1_000) for part in parser.feed(piece)] + parser.finish()
        text = "".join(part[-1] for part in summary(parts))
        assert text.strip() == (piece * 1_000).strip()
