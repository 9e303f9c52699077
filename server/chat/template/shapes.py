"""Which shapes of a conversation a template takes and shows, found out by trying it with marked texts.

OpenAI's API takes messages in any number and order. Templates refuse some of it, or leave out a text without a word.
What is done about that, `reshaping` knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from server.chat.calls.family import PromptedFamily
from server.chat.template.capabilities import NEEDLE
from server.chat.template.errors import TemplateError
from server.chat.template.written_calls import Message, with_shown_calls

Show = Callable[[Sequence[Message]], str]
"""Messages to text; raises TemplateError."""

INSTRUCTION_ROLES = ("system", "developer")
FILLERS = ("", " ", "Understood.")
"""What may stand where a template wants somebody to speak who did not; the least that it takes."""

_WORDS = ("aardvark", "bobolink", "capybara", "dormouse", "echidna")
_A, _B, _C, _D, _E = _WORDS
_THOUGHTS = {"reasoning_content": "Hm."}
_CALL_IDS = ("call00001", "call00002")


@dataclass(frozen=True)
class Shapes:
    """What one template takes and shows."""

    leading_roles: frozenset[str]
    """Roles of instructions in front."""
    later_roles: frozenset[str]
    """Roles of instructions between turns."""
    takes_several_leading: bool
    takes_several_users: bool
    takes_several_assistants: bool
    takes_assistant_first: bool
    takes_no_user: bool
    takes_empty_assistant: bool
    shows_calls: bool
    shows_results: bool
    takes_several_calls: bool
    """In one message."""
    takes_text_beside_calls: bool
    takes_thoughts_beside_calls: bool
    """Without a text."""
    takes_thoughts_beside_text: bool
    """In a message that calls."""
    takes_call_after_text: bool
    """A message that calls behind one of the assistant that does not."""
    takes_user_after_result: bool
    filler: str = ""
    """What the assistant says between a result and the user where it must say something."""


STRICTEST = Shapes(
    leading_roles=frozenset(),
    later_roles=frozenset(),
    takes_several_leading=False,
    takes_several_users=False,
    takes_several_assistants=False,
    takes_assistant_first=False,
    takes_no_user=False,
    takes_empty_assistant=False,
    shows_calls=False,
    shows_results=False,
    takes_several_calls=False,
    takes_text_beside_calls=False,
    takes_thoughts_beside_calls=False,
    takes_thoughts_beside_text=False,
    takes_call_after_text=False,
    takes_user_after_result=False,
)
"""Of a template that takes texts of the user and the assistant in turn, and nothing else."""

_EVERYTHING: dict[str, Any] = {field.name: True for field in fields(Shapes) if field.type == "bool"}


def find_shapes(show: Show, roles: Sequence[str], family: PromptedFamily) -> Shapes:
    """What the template that `show` runs takes of messages as in OpenAI's API; `roles` are those of instructions.

    Calls that it does not show are tried in the words of `family`.

    Everything, as far as can be known, if it does not show even a plain conversation: then nothing can be learned.
    """
    trial = _Trial(show)
    if not trial.takes(_user(_A), _ai(_B), _user(_C)):
        return replace(STRICTEST, leading_roles=frozenset(roles), later_roles=frozenset(roles), **_EVERYTHING)
    # Some take a last message of the assistant for the beginning of its answer.
    shows_calls = trial.takes(_user(_A), _calling(_B)) or trial.takes(_user(_A), _calling(_B), _result("x"))
    shows_results = trial.takes(_user(_A), _calling("x"), _result(_C))
    trial = _Trial(lambda messages: show(with_shown_calls(messages, shows_calls, shows_results, family)))
    takes = trial.takes
    leading = [role for role in roles if trial.takes_leading(role)]
    return Shapes(
        shows_calls=shows_calls,
        shows_results=shows_results,
        leading_roles=frozenset(leading),
        later_roles=frozenset(filter(trial.takes_later, roles)),
        takes_several_leading=all(trial.takes_both_leading(one, two) for one in leading for two in leading),
        takes_several_users=takes(_user(_A), _user(_B)) and takes(_user(_A), _ai(_B), _user(_C), _user(_D)),
        takes_several_assistants=takes(_user(_A), _ai(_B), _ai(_C), _user(_D)),
        takes_assistant_first=trial.takes_assistant_first(),
        takes_no_user=trial.takes_no_user(leading[:1]),
        takes_empty_assistant=takes(_user(_A), _ai(""), _user(_B)),
        takes_several_calls=takes(_user(_A), _calling(_B, _C), _result(_D), _result(_E, 1)),
        takes_text_beside_calls=trial.shows(_user(_A), _calling(_B, content=_C), _result(_D)),
        takes_thoughts_beside_calls=takes(_user(_A), {**_calling(_B), **_THOUGHTS}, _result(_C)),
        takes_thoughts_beside_text=trial.shows(
            _user(_A), {**_calling(_B, content=_C), "reasoning_content": "Hm."}, _result(_D)
        ),
        takes_call_after_text=takes(_user(_A), _ai(_B), _calling(_C), _result(_D), _ai(_E)),
        takes_user_after_result=takes(_user(_A), _calling(_B), _result(_C), _user(_D)),
        filler=trial.find_filler(),
    )


class _Trial:
    """Runs the template on messages of marked words."""

    def __init__(self, show: Show) -> None:
        self._show = show

    def takes(self, *messages: Message) -> bool:
        """Whether all the words are there, in order."""
        text, at = self._shown(messages), 0
        for word in _words_in(messages):
            at = text.find(word, at) + 1
            if not at:
                return False
        return bool(text)

    def shows(self, *messages: Message) -> bool:
        """Whether all the words are there, wherever."""
        text = self._shown(messages)
        return bool(text) and all(word in text for word in _words_in(messages))

    def takes_leading(self, role: str) -> bool:
        # Where instructions go is the template's affair: some of Mistral's have them in the last message of the user.
        told = _told(role, _A)
        return self.shows(told, _user(_B)) and self.shows(told, _user(_B), _ai(_C), _user(_D))

    def takes_later(self, role: str) -> bool:
        return self.takes(_user(_A), _ai(_B), _told(role, _C), _user(_D))

    def takes_both_leading(self, one: str, two: str) -> bool:
        return self.shows(_told(one, _A), _told(two, _B), _user(_C))

    def takes_assistant_first(self) -> bool:
        # Some take the first message for the user's, whoever says it.
        tells_roles = self._shown([_user(_A), _ai(_B)]) != self._shown([_user(_A), _user(_B)])
        is_told_apart = self._shown([_ai(_A), _user(_B)]) != self._shown([_user(_A), _user(_B)])
        return self.takes(_ai(_A), _user(_B)) and (is_told_apart or not tells_roles)

    def takes_no_user(self, leading: Sequence[str]) -> bool:
        told = [_told(role, _A) for role in leading]
        return self.shows(*told, _ai(_B)) and (not told or self.shows(*told))

    def find_filler(self) -> str:
        fit = (text for text in FILLERS if self.takes(_user(_A), _calling(_B), _result(_C), _ai(text), _user(_D)))
        return next(fit, FILLERS[-1])

    def _shown(self, messages: Sequence[Message]) -> str:
        try:
            return self._show(messages)
        except TemplateError:
            return ""


def _told(role: str, text: str) -> Message:
    return {"role": role, "content": text}


def _user(text: str) -> Message:
    return _told("user", text)


def _ai(text: str) -> Message:
    return _told("assistant", text)


def _calling(*arguments: str, content: str = "") -> Message:
    calls = [
        {"id": call_id, "type": "function", "function": {"name": "probe", "arguments": json.dumps({NEEDLE: argument})}}
        for call_id, argument in zip(_CALL_IDS, arguments, strict=False)
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def _result(text: str, index: int = 0) -> Message:
    return {"role": "tool", "content": text, "tool_call_id": _CALL_IDS[index]}


def _words_in(messages: Sequence[Message]) -> list[str]:
    said = json.dumps([[message["content"], message.get("tool_calls")] for message in messages])
    return [word for word in re.findall(r"[a-z]+", said) if word in _WORDS]
