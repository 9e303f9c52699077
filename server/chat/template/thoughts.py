"""Where a template looks for the thoughts of an earlier message, found out by trying."""

from __future__ import annotations

from typing import Any

from server.chat.reasoning import KNOWN_TAGS, ThinkTags
from server.chat.template.capabilities import Render
from server.chat.template.contents import as_parts
from server.chat.template.errors import TemplateError

IN_CONTENT = "content"
"""The key of thoughts that stand in the content, between tags."""
IN_PARTS = "parts"
"""The key of thoughts that are a part of the content, as Mistral's templates want them."""

_KEYS = ("reasoning_content", "thinking", "reasoning")
_USER = {"role": "user", "content": "Hello"}
_THOUGHT, _SAID = "bobolink", "capybara"


def find_thoughts_key(source: str, render: Render, tags: ThinkTags | None) -> str | None:
    """The key that the template reads thoughts from; `IN_CONTENT` where it takes them out of the content itself.

    `IN_PARTS` where they are a part of the content. None where it shows none, or would leave them in turns that are
    over as if they had been said.
    """
    shown = next((key for key in _KEYS if _THOUGHT in _tried(render, key) + _tried_calling(render, key)), None)
    if shown is None and _shows_parts(render):
        return IN_PARTS
    if shown is not None or tags is None:
        return shown
    named = next((key for key in _KEYS if f".{key}" in source or f"'{key}'" in source or f'"{key}"' in source), None)
    if named is not None or not any(known.end in source for known in KNOWN_TAGS):
        return named
    inline = in_content(tags, _THOUGHT, _SAID)
    return None if inline in _rendered(render, [{"role": "assistant", "content": inline}, _USER]) else IN_CONTENT


def in_content(tags: ThinkTags, thoughts: str, content: str) -> str:
    """A content with thoughts in front, as models write them."""
    return f"{tags.start}\n{thoughts}\n{tags.end}\n\n{content}"


def in_parts(thoughts: str, content: str) -> list[dict[str, str]]:
    """A content with thoughts as its first part."""
    return [{"type": "thinking", "thinking": thoughts}, *(as_parts(content) if content else ())]


def _shows_parts(render: Render) -> bool:
    text = _rendered(render, [{"role": "assistant", "content": in_parts(_THOUGHT, _SAID)}])
    return _THOUGHT in text and _SAID in text and "'type'" not in text and '"type"' not in text


def _tried(render: Render, key: str) -> str:
    return _rendered(render, [{"role": "assistant", "content": _SAID, key: _THOUGHT}])


def _tried_calling(render: Render, key: str) -> str:
    call = {"id": "call00001", "type": "function", "function": {"name": "probe", "arguments": {}}}
    calling = {"role": "assistant", "content": "", "tool_calls": [call], key: _THOUGHT}
    result = {"role": "tool", "content": "Hi", "name": "probe", "tool_call_id": "call00001"}
    return _rendered(render, [calling, result])


def _rendered(render: Render, messages: list[dict[str, Any]]) -> str:
    try:
        return render([_USER, *messages], [])
    except TemplateError:
        return ""
