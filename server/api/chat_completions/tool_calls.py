"""Tool calls as chat completions have them, in today's words or in the deprecated ones."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas.objects.chat_completions import (
    CalledFunction,
    ChatDelta,
    ChatMessage,
    FunctionDelta,
    ToolCall,
    ToolCallDelta,
)
from server.answers.parts import FinishReason, ToolCallArguments, ToolCallStarted


def with_calls(
    message: ChatMessage, calls: Iterable[tuple[ToolCallStarted, str]], speaks_of_functions: bool
) -> ChatMessage:
    """The message with the calls that were made, each with its arguments; without any it stays as it is."""
    made = [
        ToolCall(id=call.call_id, function=CalledFunction(name=call.name, arguments=arguments))
        for call, arguments in calls
    ]
    if not made:
        return message
    if speaks_of_functions:
        return msgspec.structs.replace(message, function_call=made[0].function)
    return msgspec.structs.replace(message, tool_calls=made)


def started_delta(part: ToolCallStarted, speaks_of_functions: bool) -> ChatDelta:
    """The first delta of a call: everything that comes once."""
    function = FunctionDelta(name=part.name, arguments="")
    if speaks_of_functions:
        return ChatDelta(function_call=function)
    call = ToolCallDelta(index=part.index, id=part.call_id, type="function", function=function)
    return ChatDelta(tool_calls=[call])


def arguments_delta(part: ToolCallArguments, speaks_of_functions: bool) -> ChatDelta:
    """Each other delta of a call."""
    function = FunctionDelta(arguments=part.text)
    if speaks_of_functions:
        return ChatDelta(function_call=function)
    return ChatDelta(tool_calls=[ToolCallDelta(index=part.index, function=function)])


def finish_word(reason: FinishReason, speaks_of_functions: bool) -> str:
    """Why a choice has ended, in the client's words."""
    return "function_call" if speaks_of_functions and reason == "tool_calls" else reason
