"""Images and the like: models here take text only, and whoever sends something else is told which part it was."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live_server import LiveServer

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
LOOK = "What is in this picture?"

CHAT: list[dict[str, Any]] = [{"type": "text", "text": LOOK}, {"type": "image_url", "image_url": {"url": PIXEL}}]
RESPONSES: list[dict[str, Any]] = [{"type": "input_text", "text": LOOK}, {"type": "input_image", "image_url": PIXEL}]


def asked(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/chat/completions", {"messages": asked(CHAT)}, "messages[1].content[1]"),
        ("/apply-template", {"messages": asked(CHAT)}, "messages[1].content[1]"),
        ("/v1/responses", {"input": asked(RESPONSES)}, "input[1].content[1]"),
        ("/v1/responses/input_tokens", {"input": asked(RESPONSES)}, "input[1].content[1]"),
        ("/v1/responses/compact", {"input": asked(RESPONSES)}, "input[1].content[1]"),
        (
            "/v1/responses",
            {
                "input": [
                    {"type": "function_call", "call_id": "c", "name": "photo", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "c", "output": RESPONSES},
                ]
            },
            "input[1].output[1]",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_image_is_refused_by_its_place(server: LiveServer, path: str, body: dict[str, Any], param: str) -> None:
    status, answer, _ = server.post(path, body)
    assert status == 400, answer
    assert (answer["error"]["param"], answer["error"]["code"]) == (param, "unsupported_parameter")
    assert "takes text only" in answer["error"]["message"]
