"""Conversations in shapes that a template takes: what it refuses or would lose stands elsewhere, the rest stays.

    instructions   where they are, under another role, joined in front, or before the next words of the user
    calls          one a message, or written into the texts
    neighbours     of one role joined, or with an empty message between them

What a template takes, `shapes` knows. Rewriting renders nothing, and the beginning of a conversation becomes the same
whatever follows, so that the KV cache keeps its use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any

from server.chat.calls.family import PromptedFamily
from server.chat.template.contents import text_of
from server.chat.template.shapes import INSTRUCTION_ROLES, Shapes
from server.chat.template.written_calls import Message, with_shown_calls

Rewrite = Callable[[Sequence[Message], Shapes], list[Message]]


def reshaped(messages: Sequence[Message], shapes: Shapes, family: PromptedFamily) -> list[Message]:
    """The same conversation for a template that takes these shapes; calls that it does not show are `family`'s."""
    shaped = with_shown_calls(messages, shapes.shows_calls, shapes.shows_results, family)
    for rewrite in _REWRITES:
        shaped = rewrite(shaped, shapes)
    return shaped


def _one_call_a_message(messages: Sequence[Message], shapes: Shapes) -> list[Message]:
    if shapes.takes_several_calls:
        return list(messages)
    split: list[Message] = []
    rest = list(messages)
    while rest:
        message = rest.pop(0)
        if len(_calls(message)) < 2:
            split.append(message)
            continue
        results = list(takewhile(_is_result, rest))
        del rest[: len(results)]
        split += _split(message, results)
    return split


def _split(message: Message, results: Sequence[Message]) -> list[Message]:
    """The calls of a message, each with its results behind it; results of no call stay where they were, at the end."""
    split: list[Message] = []
    ids = [call.get("id") for call in _calls(message)]
    for index, call in enumerate(_calls(message)):
        first = message if index == 0 else {"role": "assistant", "content": ""}
        split.append({**first, "tool_calls": [call]})
        split += [result for result in results if result.get("tool_call_id") == call.get("id")]
    return split + [result for result in results if result.get("tool_call_id") not in ids]


def _thoughts_alone(messages: Sequence[Message], shapes: Shapes) -> list[Message]:
    return [
        _without(message, "reasoning_content") if _hides_calls(message, shapes) else message for message in messages
    ]


def _hides_calls(message: Message, shapes: Shapes) -> bool:
    """Whether the template would not show a call, or refuse it, for thoughts beside it."""
    if not _calls(message):
        return False
    if not text_of(message):
        return not shapes.takes_thoughts_beside_calls
    return shapes.takes_text_beside_calls and not shapes.takes_thoughts_beside_text


def _texts_before_calls(messages: Sequence[Message], shapes: Shapes) -> list[Message]:
    if shapes.takes_text_beside_calls:
        return list(messages)
    return [part for message in messages for part in (_apart(message) if _has_both(message) else [message])]


def _apart(message: Message) -> list[Message]:
    return [_without(message, "tool_calls"), {**_without(message, "reasoning_content"), "content": ""}]


def _no_empty_answers(messages: Sequence[Message], shapes: Shapes) -> list[Message]:
    if shapes.takes_empty_assistant:
        return list(messages)
    return [message for message in messages if not _is_answer(message) or text_of(message)]


def _instructions_in_place(messages: Sequence[Message], shapes: Shapes) -> list[Message]:
    leading = list(takewhile(_is_instruction, messages))
    placed, carried = _leading_in_place(leading, shapes)
    for message in messages[len(leading) :]:
        if _is_instruction(message):
            role = _known_role(message["role"], shapes.later_roles)
            if role is not None:
                placed.append({**message, "role": role})
            else:
                carried.append(message)
        elif carried and not _is_result(message):
            placed += _with_instructions(carried, message)
            carried = []
        else:
            placed.append(message)
    return [*placed, _joined(carried, "user")] if carried else placed


def _with_instructions(carried: Sequence[Message], message: Message) -> list[Message]:
    """Instructions in front of the user's words, or as words of the user where somebody else speaks next."""
    if message["role"] == "user":
        return [_joined([*carried, message], "user")]
    return [_joined(carried, "user"), message]


def _leading_in_place(leading: Sequence[Message], shapes: Shapes) -> tuple[list[Message], list[Message]]:
    """Instructions in front as they can stand there, and those that cannot."""
    if not leading or not shapes.leading_roles:
        return [], list(leading)
    placed: list[Message] = [
        {**message, "role": _known_role(message["role"], shapes.leading_roles)} for message in leading
    ]
    if len(placed) > 1 and not shapes.takes_several_leading:
        placed = [_joined(placed, placed[0]["role"])]
    return placed, []


def _known_role(role: str, known: frozenset[str]) -> str | None:
    return role if role in known else next(iter(known), None)


def _with_a_user(messages: Sequence[Message], shapes: Shapes) -> list[Message]:
    num_leading = sum(1 for _ in takewhile(_is_instruction, messages))
    first = messages[num_leading]["role"] if num_leading < len(messages) else None
    needs_first = not shapes.takes_assistant_first and first in ("assistant", "tool")
    needs_any = not shapes.takes_no_user and all(message["role"] != "user" for message in messages)
    added = [_empty("user")] if needs_first or needs_any else []
    return [*messages[:num_leading], *added, *messages[num_leading:]]


def _neighbours_apart(messages: Sequence[Message], shapes: Shapes) -> list[Message]:
    """No neighbours that the template does not take: they become one, or somebody speaks between them."""
    apart: list[Message] = []
    for message in messages:
        last = apart[-1] if apart else None
        if last is None:
            apart.append(message)
        elif _become_one(last, message, shapes):
            apart[-1] = {**message, **last, **_joined([last, message], message["role"]), **_only_calls(message)}
        else:
            apart += [*_between(last, message, shapes), message]
    return apart


def _become_one(last: Message, message: Message, shapes: Shapes) -> bool:
    if last["role"] == message["role"] == "user":
        return not shapes.takes_several_users
    if not _is_answer(last) or message["role"] != "assistant":
        return False
    if _calls(message):
        return not shapes.takes_call_after_text and shapes.takes_text_beside_calls
    return not shapes.takes_several_assistants


def _between(last: Message, message: Message, shapes: Shapes) -> list[Message]:
    if _is_answer(last) and _calls(message) and not shapes.takes_call_after_text:
        return [_empty("user")]
    is_after_call = _is_result(last) or bool(_calls(last))
    if is_after_call and message["role"] == "user" and not shapes.takes_user_after_result:
        return [{"role": "assistant", "content": shapes.filler}]
    return []


_REWRITES: tuple[Rewrite, ...] = (
    _one_call_a_message,
    _thoughts_alone,
    _texts_before_calls,
    _no_empty_answers,
    _instructions_in_place,
    _with_a_user,
    _neighbours_apart,
)


def _joined(messages: Iterable[Message], role: str) -> Message:
    return {"role": role, "content": "\n\n".join(filter(None, map(text_of, messages)))}


def _empty(role: str) -> Message:
    return {"role": role, "content": ""}


def _without(message: Message, key: str) -> Message:
    return {name: value for name, value in message.items() if name != key}


def _only_calls(message: Message) -> Message:
    return {"tool_calls": message["tool_calls"]} if _calls(message) else {}


def _calls(message: Message) -> list[Any]:
    return message.get("tool_calls") or []


def _has_both(message: Message) -> bool:
    return bool(_calls(message) and text_of(message))


def _is_answer(message: Message) -> bool:
    """Whether the assistant says it, and calls nothing."""
    return bool(message["role"] == "assistant") and not _calls(message)


def _is_result(message: Message) -> bool:
    return bool(message["role"] == "tool")


def _is_instruction(message: Message) -> bool:
    return bool(message["role"] in INSTRUCTION_ROLES)
