"""The stream of a response that has ended, made from its object: for who follows one that was never streamed.

It implements `server.turns.follow.Ending` as a module, and knows neither storage nor HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from server.responses.builder import is_terminal, terminal_type
from server.turns.follow import numbered
from server.turns.teller import WireEvent

__all__ = ["is_running", "is_terminal", "replay", "terminal"]


def is_running(response: dict[str, Any]) -> bool:
    """Whether a response is still being made, as far as its object says."""
    return response["status"] in ("queued", "in_progress")


def replay(response: dict[str, Any]) -> list[WireEvent]:
    """The stream of a response that has ended, as if each text had come in one piece."""
    events: list[dict[str, Any]] = []
    begun = {**response, "status": "in_progress", "completed_at": None, "error": None, "incomplete_details": None}
    begun |= {"output": [], "usage": None, "timings": None}
    events += [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun}]
    for index, item in enumerate(response["output"]):
        events += _replayed_item(index, item)
    events.append(terminal(response))
    return [numbered(number, event) for number, event in enumerate(events)]


def terminal(response: dict[str, Any]) -> dict[str, Any]:
    """The terminal event of a response that has ended, without a number."""
    return {"type": terminal_type(response["status"]), "response": response}


def _replayed_item(index: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**item, "status": "in_progress"}
    summary = item.get("summary") or []
    parts = [] if summary else item.get("content") or []
    begun |= {"content": []} if "content" in item else {}
    begun |= {"summary": []} if summary else {}
    begun |= {"arguments": ""} if "arguments" in item else {}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    place = {"item_id": item["id"], "output_index": index}
    is_over = item["status"] != "in_progress"
    for number, part in enumerate(summary):
        yield from _replayed_summary({**place, "summary_index": number}, part, item["status"])
    for number, part in enumerate(parts):
        yield from _replayed_part({**place, "content_index": number}, part, is_over)
    if item.get("arguments"):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]}
    if "arguments" in item and is_over:
        done = {"arguments": item["arguments"], "name": item["name"]}
        yield {"type": "response.function_call_arguments.done", **place, **done}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _replayed_summary(place: dict[str, Any], part: dict[str, Any], status: str) -> Iterator[dict[str, Any]]:
    kind = "response.reasoning_summary"
    yield {"type": f"{kind}_part.added", **place, "part": {**part, "text": ""}}
    if part["text"]:
        yield {"type": f"{kind}_text.delta", **place, "delta": part["text"]}
    if status != "in_progress":
        broke_off = {} if status == "completed" else {"status": "incomplete"}
        yield {"type": f"{kind}_text.done", **place, "text": part["text"]}
        yield {"type": f"{kind}_part.done", **place, "part": part, **broke_off}


def _replayed_part(place: dict[str, Any], part: dict[str, Any], is_over: bool) -> Iterator[dict[str, Any]]:
    kind = f"response.{part['type']}"
    has_logprobs = part["type"] == "output_text"
    told = {"logprobs": part.get("logprobs") or []} if has_logprobs else {}
    empty: dict[str, Any] = {"logprobs": []} if has_logprobs else {}
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": "", **empty}}
    if part["text"]:
        yield {"type": f"{kind}.delta", **place, "delta": part["text"], **told}
    if is_over:
        yield {"type": f"{kind}.done", **place, "text": part["text"], **told}
        yield {"type": "response.content_part.done", **place, "part": part}
