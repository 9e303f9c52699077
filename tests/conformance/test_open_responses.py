"""The tests of Open Responses' compliance suite by their names, with what its specification requires of a response.

https://www.openresponses.org. A call of a function is required where its suite hopes that the model makes one. Its test
`image-input` is for models that see, and those of its WebSocket are not for this server.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.test_responses_tools import QUESTION, WEATHER
from tests.conformance.test_wire import raw_post
from tests.live_server import LiveServer

PATH = "/v1/responses"

NULLABLE: dict[str, type] = {
    "completed_at": int,
    "incomplete_details": dict,
    "previous_response_id": str,
    "instructions": str,
    "error": dict,
    "reasoning": dict,
    "user": str,
    "usage": dict,
    "max_output_tokens": int,
    "max_tool_calls": int,
    "safety_identifier": str,
    "prompt_cache_key": str,
}
REQUIRED: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "object": str,
    "created_at": int,
    "status": str,
    "model": str,
    "output": list,
    "tools": list,
    "tool_choice": (str, dict),
    "truncation": str,
    "parallel_tool_calls": bool,
    "text": dict,
    "top_p": (int, float),
    "presence_penalty": (int, float),
    "frequency_penalty": (int, float),
    "top_logprobs": int,
    "temperature": (int, float),
    "store": bool,
    "background": bool,
    "service_tier": str,
    "metadata": dict,
}
OF_ITEMS = {
    "message": {"id", "type", "role", "status", "content"},
    "function_call": {"id", "type", "call_id", "name", "arguments", "status"},
    "reasoning": {"id", "type", "summary"},
}
OF_TOOLS = {"type", "name", "description", "parameters", "strict"}


def said(role: str, text: str) -> dict[str, str]:
    return {"type": "message", "role": role, "content": text}


CALL = {"input": [said("user", QUESTION)], "tools": [WEATHER], "tool_choice": "required"}
CASES: dict[str, dict[str, Any]] = {
    "basic-response": {"input": [said("user", "Say hello.")]},
    "streaming-response": {"input": [said("user", "Count to five.")], "stream": True},
    "system-prompt": {"input": [said("system", "You are a sailor."), said("user", "Say hello.")]},
    "tool-calling": CALL,
    "tool-calling-streaming": {**CALL, "stream": True},
    "multi-turn": {"input": [said("user", "I am Ada."), said("assistant", "Hello Ada."), said("user", "Who am I?")]},
}


def events_in(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")]


def answered(server: LiveServer, body: dict[str, Any]) -> dict[str, Any]:
    """The response, also out of a stream. The likeliest tokens come to an end in each case."""
    body = {"temperature": 0, **body}
    if not body.get("stream"):
        status, response, _ = server.post(PATH, body)
        assert status == 200, response
        return response
    last = events_in(raw_post(server, PATH, body)[1])[-1]
    assert last["type"] == "response.completed"
    response = last["response"]
    assert isinstance(response, dict)
    return response


@pytest.mark.parametrize("name", CASES)
def test_a_response_is_completed_with_all_that_is_required(server: LiveServer, name: str) -> None:
    response = answered(server, CASES[name])
    assert {key: response[key] for key in REQUIRED if not isinstance(response[key], REQUIRED[key])} == {}
    assert [key for key in NULLABLE if not isinstance(response[key], (NULLABLE[key], type(None)))] == []
    assert response["status"] == "completed"
    assert response["output"]
    assert [item for item in response["output"] if OF_ITEMS[item["type"]] - item.keys()] == []
    assert [tool for tool in response["tools"] if OF_TOOLS - tool.keys()] == []
    if "tools" in CASES[name]:
        assert "function_call" in {item["type"] for item in response["output"]}


def test_a_call_is_told_by_all_of_its_events(server: LiveServer) -> None:
    events = events_in(raw_post(server, PATH, CASES["tool-calling-streaming"])[1])
    told = [event["type"].removeprefix("response.") for event in events if event["type"] != "response.in_progress"]
    calls = [event["item"]["type"] for event in events if event["type"].startswith("response.output_item.")]
    first = told.index("output_item.added")
    assert calls == ["function_call", "function_call"]
    assert list(dict.fromkeys(told[first:])) == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
