"""What templates are given beside messages: the day, the tools under the names that they go by, whether to think.

A template tells by its source what it is given where there is nothing. This module does not know messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from server.chat.template.filters import strftime_now

_NEIGHBOURS: Mapping[str, Sequence[str]] = {
    "none": ("none", "no_think", "minimal", "low"),
    "minimal": ("minimal", "low"),
    "low": ("low", "minimal", "medium"),
    "medium": ("medium", "high", "low"),
    "high": ("high", "max", "medium"),
    "xhigh": ("xhigh", "max", "high"),
    "max": ("max", "xhigh", "high"),
}
_ASKS_FOR_MODE = "thinking_mode is defined"
_EFFORT_NAMES = ("reasoning_effort", "thinking_effort")
_WRITES_FUNCTIONS = re.compile(r"\+\s*functions\b|\{\{-?\s*functions\s*-?\}\}")


def dates() -> dict[str, str]:
    """Today, under the names that templates ask for. Without the time, which would make every prompt a new one."""
    return {"date_string": strftime_now("%d %b %Y"), "datetime": strftime_now("%b %d %Y")}


def tool_variables(source: str, tools: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """The tools; without any, what the template of this source expects then."""
    functions = json.dumps([tool["function"] for tool in tools], ensure_ascii=False, indent=4) if tools else ""
    written = {"functions": functions} if _WRITES_FUNCTIONS.search(source) else {}
    return {**written, "tools": tools} if tools else {**written, **nothing(source, "tools")}


def nothing(source: str, name: str) -> dict[str, None]:
    """A variable without a value: none for a template that asks only for that, else absent, as loops can bear."""
    asks_for_none = re.search(rf"\b{name}\s+is\s+(not\s+)?none\b", source)
    asks_for_it = re.search(rf"\b{name}\s+is\s+(not\s+)?(un)?defined\b", source)
    return {name: None} if asks_for_none and not asks_for_it else {}


def with_thinking(template_kwargs: Mapping[str, Any], default: bool | None, source: str) -> dict[str, Any]:
    """The arguments, with the usual switches for thinking where they, or the server, decide about it."""
    effort = template_kwargs.get("reasoning_effort")
    wanted = default if effort is None else effort != "none"
    switch = template_kwargs.get("enable_thinking", template_kwargs.get("thinking", wanted))
    if switch is None:
        return {**template_kwargs}
    mode = {"thinking_mode": "enabled" if switch else "disabled"} if _ASKS_FOR_MODE in source else {}
    return {"enable_thinking": switch, "thinking": switch, **mode, **template_kwargs}


def effort_name(source: str) -> str | None:
    """What the template calls the effort; None if it asks for none."""
    return next((name for name in _EFFORT_NAMES if name in source), None)


def efforts_like(effort: str, source: str) -> list[str]:
    """The effort and its neighbours, the likeliest first: for none, the word that the template has for it."""
    names = [*_NEIGHBOURS.get(effort, (effort,))]
    if effort == "none":
        names.sort(key=lambda name: not re.search(rf"['\"]{name}['\"]", source))
    return names
