"""The format for templates that know no tools: Hermes', explained to the model in the system message.

Everything is written into texts: what there is to call, what was called, what came back. How messages take that in,
`server.chat` knows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from server.chat.families.json_arguments.hermes import Hermes
from server.chat.tools import Tool


class Generic(Hermes):
    """A `PromptedFamily`. It recognizes nothing: it is what remains."""

    name = "generic"

    def recognizes(self, template_source: str) -> bool:
        return False

    def instructions(self, tools: Sequence[Tool], parallel: bool) -> str:
        several = " Several calls may follow each other." if parallel else " Make one call at a time."
        return (
            "You can call these functions:\n"
            + "\n".join(json.dumps(_shown(tool), ensure_ascii=False) for tool in tools)
            + "\n\nTo call one, write its name and arguments as JSON between <tool_call> and </tool_call>, such as\n"
            '<tool_call>\n{"name": "function", "arguments": {"argument": "value"}}\n</tool_call>\n'
            f"and end your answer there.{several} The result comes in the next message, between <tool_response> and "
            "</tool_response>. Call a function only if it helps; otherwise just answer."
        )

    def written_calls(self, calls: Sequence[tuple[str, str]]) -> str:
        return "\n".join(
            f'<tool_call>\n{{"name": {json.dumps(name, ensure_ascii=False)}, "arguments": {arguments}}}\n</tool_call>'
            for name, arguments in calls
        )

    def written_result(self, name: str | None, result: str) -> str:
        return f"<tool_response>\n{result}\n</tool_response>"


def _shown(tool: Tool) -> dict[str, object]:
    described = {} if tool.description is None else {"description": tool.description}
    return {"name": tool.name, **described, "parameters": tool.parameters}
