"""What an item says."""

from __future__ import annotations

from typing import Any

import pytest

from storage.item_text import text_of
from tests.storage.helpers import answer, message

LOOK = {"type": "input_text", "text": "Look:"}
PICTURE = {"type": "input_image", "image_url": "data:"}


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (message(" hi\t"), " hi\t"),
        (answer("msg_1", "Hello."), "Hello."),
        ({"role": "user", "content": "as it was sent"}, "as it was sent"),
        (
            {"content": [{"type": "input_text", "text": "Look:"}, PICTURE, {"type": "input_text", "text": "A cat."}]},
            "Look:\nA cat.",
        ),
        ({"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}], "summary": []}, "Hm."),
        ({"content": [PICTURE]}, ""),
        ({"type": "function_call", "arguments": "{}"}, ""),
        ({"type": "from_the_future", "content": {"text": "?"}}, ""),
        ({"type": "from_the_future", "content": ["?", None, {"text": 5}]}, ""),
        ({"content": None}, ""),
        ({}, ""),
    ],
)
def test_the_texts_of_its_content_are_what_an_item_says(item: dict[str, Any], text: str) -> None:
    assert text_of(item) == text
