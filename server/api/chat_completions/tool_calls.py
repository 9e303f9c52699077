"""Tool calls as chat completions have them, in today's words or in the deprecated ones."""

from __future__ import annotations

from typing import Any

from server.answers.parts import FinishReason, ToolCallArguments, ToolCallStarted

Object = dict[str, Any]


def calls_object(calls: list[Object], speaks_of_functions: bool) -> Object:
    """The fields of a message that has made calls, each {"id", "name", "arguments"}; without any there are none."""
    functions = [{"name": call["name"], "arguments": call["arguments"]} for call in calls]
    if not calls:
        return {}
    if speaks_of_functions:
        return {"function_call": functions[0]}
    ids = [call["id"] for call in calls]
    pairs = zip(ids, functions, strict=True)
    return {"tool_calls": [{"id": call_id, "type": "function", "function": function} for call_id, function in pairs]}


def started_delta(part: ToolCallStarted, speaks_of_functions: bool) -> Object:
    """The first delta of a call: everything that comes once."""
    function = {"name": part.name, "arguments": ""}
    if speaks_of_functions:
        return {"function_call": function}
    return {"tool_calls": [{"index": part.index, "id": part.call_id, "type": "function", "function": function}]}


def arguments_delta(part: ToolCallArguments, speaks_of_functions: bool) -> Object:
    """Each other delta of a call."""
    function = {"arguments": part.text}
    if speaks_of_functions:
        return {"function_call": function}
    return {"tool_calls": [{"index": part.index, "function": function}]}


def finish_word(reason: FinishReason, speaks_of_functions: bool) -> str:
    """Why a choice has ended, in the client's words."""
    return "function_call" if speaks_of_functions and reason == "tool_calls" else reason
