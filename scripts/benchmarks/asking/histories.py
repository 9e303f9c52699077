"""Seven short conversations in OpenAI's words, each text of which is one word that can be found in a prompt again.

They know no template and no server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, Any]

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"type": "string", "description": "Dormouse."}},
    "required": ["place"],
}
TOOL_NAME, TOOL_DESCRIPTION = "get_echidna", "Capybara."

WORDS: Mapping[str, Sequence[str]] = {
    "instructions": ("Aardvark",),
    "thoughts": ("Bobolink",),
    "texts": ("Flamingo", "Gorilla", "Hedgehog", "Ibis", "Jackal"),
    "tools": ("Capybara", "Dormouse"),
    "calls": ("Kingfisher", "Lemur"),
    "results": ("Mongoose", "Narwhal"),
}
"""The words of the conversations, by what they stand in."""

_CALL_IDS = ("call00001", "call00002")  # Mistral's templates want nine letters and digits


@dataclass(frozen=True)
class History:
    """A conversation that waits for an answer."""

    messages: Sequence[Message]
    has_tools: bool = False

    @property
    def words(self) -> dict[str, list[str]]:
        """Its own of `WORDS`."""
        text = json.dumps(self.messages) + (TOOL_DESCRIPTION + json.dumps(PARAMETERS) if self.has_tools else "")
        own = {kind: [word for word in words if word in text] for kind, words in WORDS.items()}
        return {kind: words for kind, words in own.items() if words}


def _said(role: str, word: str, **more: Any) -> Message:
    return {"role": role, "content": f"{word}.", **more}


def _calls(*places: str) -> Message:
    functions = [{"name": TOOL_NAME, "arguments": json.dumps({"place": place})} for place in places]
    calls = [
        {"id": call_id, "type": "function", "function": function}
        for call_id, function in zip(_CALL_IDS, functions, strict=False)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _result(index: int, word: str) -> Message:
    return _said("tool", word, tool_call_id=_CALL_IDS[index])


_INSTRUCTIONS, _QUESTION = _said("system", "Aardvark"), _said("user", "Flamingo")
_TURN = (_QUESTION, _said("assistant", "Gorilla"))
_TWO_CALLS = (_calls("Kingfisher", "Lemur"), _result(0, "Mongoose"), _result(1, "Narwhal"))

HISTORIES: Mapping[str, History] = {
    "question": History([_QUESTION]),
    "instructions": History([_INSTRUCTIONS, _QUESTION]),
    "turns": History([*_TURN, _said("user", "Hedgehog"), _said("assistant", "Ibis"), _said("user", "Jackal")]),
    "tools": History([_INSTRUCTIONS, _QUESTION], has_tools=True),
    "result": History([_QUESTION, _calls("Kingfisher"), _result(0, "Mongoose")], has_tools=True),
    "parallel": History([_QUESTION, *_TWO_CALLS, _said("assistant", "Ibis"), _said("user", "Jackal")], has_tools=True),
    "thoughts": History(
        [_QUESTION, _said("assistant", "Gorilla", reasoning_content="Bobolink."), _said("user", "Jackal")]
    ),
}
