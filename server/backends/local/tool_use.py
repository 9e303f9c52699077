"""From the functions of a request to what the chat layer knows of tools; for every endpoint that takes functions."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.tools import FunctionTool, ToolChoice
from server.chat.schema.enforced import enforced_arguments
from server.chat.schema.kept import UnsupportedSchema
from server.chat.tools import Tool, ToolUse
from server.errors.tree import InvalidRequest


def tool_use(functions: Sequence[FunctionTool], choice: ToolChoice, parallel_tool_calls: bool) -> ToolUse:
    """`functions` are those that may be called (`schemas.tools.callable_functions`).

    Raises:
        InvalidRequest: naming the keyword of a strict function's schema that cannot be guaranteed.
    """
    for tool in functions:
        _check_strict(tool)
    return ToolUse(
        tools=tuple(Tool(tool.name, tool.parameters, tool.description, tool.strict) for tool in functions),
        must_call=choice.mode == "required",
        parallel=parallel_tool_calls and not choice.is_single,
    )


def _check_strict(tool: FunctionTool) -> None:
    if not tool.strict:
        return
    try:
        enforced_arguments(tool.parameters, is_strict=True)
    except UnsupportedSchema as error:
        message = f"The function '{tool.name}' cannot be strict with these parameters. {error}."
        raise InvalidRequest(message, param=tool.param + error.place, code="invalid_function_parameters") from None
