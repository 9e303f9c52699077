"""From the functions of a request to what the chat layer knows of tools; for every endpoint that takes functions."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.tools import FunctionTool, ToolChoice
from server.chat.tools import Tool, ToolUse


def tool_use(functions: Sequence[FunctionTool], choice: ToolChoice, parallel_tool_calls: bool) -> ToolUse:
    """`functions` are those that may be called (`schemas.tools.callable_functions`)."""
    return ToolUse(
        tools=tuple(Tool(tool.name, tool.parameters, tool.description, tool.strict) for tool in functions),
        must_call=choice.mode == "required",
        parallel=parallel_tool_calls and not choice.is_single,
    )
