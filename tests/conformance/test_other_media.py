"""Images and the like: models here take text only. A user who sends something else is told which part it was; of what
a tool gave, the model is told that it was left out."""

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
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_image_is_refused_by_its_place(server: LiveServer, path: str, body: dict[str, Any], param: str) -> None:
    status, answer, _ = server.post(path, body)
    assert status == 400, answer
    assert (answer["error"]["param"], answer["error"]["code"]) == (param, "unsupported_parameter")
    assert "takes text only" in answer["error"]["message"]


NOTE = "left out, since this model takes text only"
PHOTO = {"name": "photo", "arguments": "{}"}
MADE_CALL = {"type": "function_call", "call_id": "c", **PHOTO}


@pytest.mark.parametrize(
    "part",
    [
        RESPONSES[1],
        {"type": "input_image", "file_id": "file-1", "detail": "high"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
    ],
    ids="-".join,
)
def test_an_agent_whose_tool_gave_more_than_text_goes_on(server: LiveServer, part: dict[str, Any]) -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "Here."}, part]}
    asking: dict[str, Any] = {"role": "user", "content": LOOK}
    status, first, _ = server.post("/v1/responses", {"input": [asking, MADE_CALL, output], "max_output_tokens": 4})
    assert status == 200, first
    again = {"input": [asking], "previous_response_id": first["id"], "max_output_tokens": 4}
    assert server.post("/v1/responses", again)[0] == 200
    _, items, _ = server.get(f"/v1/responses/{first['id']}/input_items")
    (kept,) = (item["output"] for item in items["data"] if item["type"] == "function_call_output")
    assert part.items() <= kept[1].items()


@pytest.mark.parametrize("part", [CHAT[1], {"type": "file", "file": {"file_id": "file-1"}}], ids=["image", "file"])
def test_a_chat_whose_tool_gave_more_than_text_goes_on(server: LiveServer, part: dict[str, Any]) -> None:
    call = {"id": "c", "type": "function", "function": PHOTO}
    messages = [
        {"role": "user", "content": LOOK},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "Here."}, part]},
    ]
    status, shown, _ = server.post("/apply-template", {"messages": messages})
    assert status == 200, shown
    assert f"Here.\n[{part['type']}: {NOTE}]" in shown["prompt"]
    assert server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 4})[0] == 200
