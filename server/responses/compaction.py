"""A conversation in few words: the compaction item, what is asked of the model for it, and what becomes of it later.

    [everything until then] [compaction]  [what follows]
    instructions             summary, kept items          what the model sees of it: instructions, summary, the rest

The item's `encrypted_content` is opaque to clients, but it is not encrypted: base64 of JSON. It holds the summary and
the items that are kept word for word: instructions, and the last turn if that is short. It does not know the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from server.answers.messages import Message, text_message
from server.responses.opaque import seal, unseal
from server.responses.prompt import (
    CALL_TYPES,
    OUTPUT_TYPES,
    Item,
    call_id_of,
    call_ids,
    is_instruction,
    is_users,
    text_of,
)
from server.responses.truncation import Turns

COMPACTION = "compaction"

VERSION = 1

INSTRUCTIONS = (
    "Summarize this conversation. The summary replaces it: whoever goes on knows nothing else of it. Keep what was "
    "asked, what was found out and decided, names, numbers and other facts word for word, and what is still to do. Do "
    "not answer or continue the conversation. Reply with the summary only, in the language of the conversation."
)
HEAD = "Summary of the conversation so far:"


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What a compaction item stands for."""

    version: int = VERSION
    summary: str
    items: list[dict[str, Any]] = []
    """Kept word for word, after the summary."""


@dataclass(frozen=True)
class Unfolded:
    """A conversation in which the last compaction has taken the place of what it stands for."""

    summary: str | None
    items: list[Item]


@dataclass(frozen=True)
class Split:
    """What of a conversation is kept, and what only its summary tells."""

    kept: list[Item]
    older: list[Item]


# --- the item -------------------------------------------------------------------------------------------------------


def compaction_item(item_id: str, sealed: Sealed) -> dict[str, Any]:
    return {"id": item_id, "type": COMPACTION, "encrypted_content": seal(sealed)}


def users_messages(items: Sequence[Item], new_id: Callable[[str], str]) -> list[dict[str, Any]]:
    """What the user said, as messages of their own: a conversation that has those already can take these as well."""
    said = ({key: value for key, value in item.items() if key != "id"} for item in items if is_users(item))
    return [{"id": new_id("msg"), **message} for message in said]


def opened(item: Item) -> Sealed | None:
    """What a compaction item holds; None if it is none, or was not made by this function's sister."""
    if item.get("type") != COMPACTION:
        return None
    sealed = unseal(item.get("encrypted_content"), Sealed)
    return sealed if sealed is not None and sealed.version == VERSION else None


def first_unreadable(items: Sequence[Item]) -> int | None:
    """The index of the first compaction item that another server has made."""
    found = (index for index, item in enumerate(items) if item.get("type") == COMPACTION and opened(item) is None)
    return next(found, None)


def unfolded(items: Sequence[Item]) -> Unfolded:
    """The items that a model shall see. Instructions from before the compaction stay, each once."""
    for index in range(len(items) - 1, -1, -1):
        if (sealed := opened(items[index])) is not None:
            said = {text_of(item.get("content")) for item in sealed.items if is_instruction(item)}
            before = [item for item in items[:index] if is_instruction(item)]
            new = [item for item in before if text_of(item.get("content")) not in said]
            shown = [*new, *sealed.items, *items[index + 1 :]]
            known = call_ids(shown)
            return Unfolded(sealed.summary, [item for item in shown if not _is_orphan(item, known)])
    return Unfolded(None, list(items))


def _is_orphan(item: Item, known: set[str]) -> bool:
    """Whether it answers a call that has been compacted."""
    return item.get("type") in OUTPUT_TYPES and call_id_of(item) not in known


# --- what is asked of the model -------------------------------------------------------------------------------------


def split(items: Sequence[Item], max_kept_characters: int) -> Split:
    """Kept are instructions, calls without an answer, and the last turn if it is not long and not the only one."""
    last = Turns(items).last
    is_short = len(last) < len(items) and len(msgspec.json.encode(last)) <= max_kept_characters
    first_kept = len(items) - len(last) if is_short else len(items)
    answered = {call_id_of(item) for item in items if item.get("type") in OUTPUT_TYPES}
    kept: list[Item] = []
    older: list[Item] = []
    for index, item in enumerate(items):
        is_open = item.get("type") in CALL_TYPES and call_id_of(item) not in answered
        (kept if is_open or index >= first_kept or is_instruction(item) else older).append(item)
    return Split(kept, older)


def transcript(items: Sequence[Item], summary: str | None) -> list[str]:
    """What was said, a paragraph for each item that says anything; first what an older summary says."""
    paragraphs = [f"{HEAD}\n{summary}"] if summary else []
    return paragraphs + [paragraph for item in items if (paragraph := _paragraph(item))]


def request_messages(instructions: str | None, paragraphs: Sequence[str]) -> list[Message]:
    """The chat messages that ask for a summary; one of the user, since some templates refuse a system message."""
    asked = "\n\n".join(text for text in (INSTRUCTIONS, instructions) if text)
    text = "\n\n".join(paragraphs)
    return [text_message("user", f"{asked}\n\n<conversation>\n{text}\n</conversation>\n\nThe summary:")]


def _paragraph(item: Item) -> str:
    kind = item.get("type", "message")
    if kind == "message":
        return _said(str(item.get("role", "user")).upper(), text_of(item.get("content")))
    if kind in CALL_TYPES:
        called = item.get("arguments") or item.get("input") or item.get("action") or ""
        called = called if isinstance(called, str) else msgspec.json.encode(called).decode()
        return _said("ASSISTANT", f"[calls {item.get('name', kind)} as {call_id_of(item)}: {called}]")
    if kind in OUTPUT_TYPES:
        return _said(f"RESULT of {call_id_of(item)}", text_of(item.get("output")))
    return ""


def _said(who: str, text: str) -> str:
    return f"{who}: {text}" if text.strip() else ""
