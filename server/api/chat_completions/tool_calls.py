"""Tool calls as chat completions have them, in today's words or in the deprecated ones."""

from __future__ import annotations

from typing import Any

from server.chat.parts import ToolCallArguments, ToolCallStarted
from server.protocol.messages import FinishReason

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


def finish_reason(reason: FinishReason, has_whole_calls: bool, speaks_of_functions: bool) -> str:
    """That of a choice. It tells the client to call only if it can: what the token limit or a stop string cut off, or
    the model did not finish, has arguments that are no JSON."""
    if reason != "stop" or not has_whole_calls:
        return reason
    return "function_call" if speaks_of_functions else "tool_calls"
