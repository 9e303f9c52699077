"""A conversation's title, made by the model from what the user said first.

Small models answer such a request in many ways: with quotes, with Markdown, with an introduction, with an essay. What
comes back is cut down to one short line; where nothing is left of it, the user's own first words are the title. How a
model is run, and when, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from server.answers.messages import Message, text_message
from storage import conversations, items
from storage.db.database import Database
from storage.item_text import text_of

Generate = Callable[[list[Message], int], str]
"""Generates the answer to chat messages, of at most so many tokens, as text; may raise anything."""

MAX_TITLE_LENGTH = 60
"""Characters; a list beside a chat has no room for more."""

MAX_TITLE_TOKENS = 32

MAX_SEARCHED_ITEMS = 20
"""A conversation that begins with more items than these before its first message of a user gets no title."""

MAX_QUOTED_LENGTH = 1000
"""Characters of the message that the model sees: what a message is about is said at its beginning."""

INSTRUCTIONS = (
    "You write titles of three to six words for conversations. You are given the message that a conversation begins "
    "with. Do not answer it. Reply with the title only, in the language of the message."
)
EXAMPLES = {
    "how do i get my cat to stop scratching the sofa? i tried sprays already": "Cat scratching the sofa",
    "What is the highest mountain of Africa?": "Highest mountain of Africa",
    "Write a letter to my landlord about the broken heating.": "Letter about the broken heating",
}
"""Small models would answer the message; after examples they do what was done before."""

REASONING = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
INTRODUCTION = re.compile(r"\A(the\s+)?(conversation\s+)?title( is)?\s*:\s*", re.IGNORECASE)
CODE = "```"
MARKUP = "*_#`~-\u2022 \t\"'“”„\u2018\u2019«»「」"
END_MARKS = ".,;:!-\u2013\u2014"


def give_title(database: Database, user_id: int, conversation_id: str, generate: Generate) -> str | None:
    """Make a title for a conversation that has none, and keep it unless the client was faster.

    An empty title is one, too: the client took it away.

    The title that was made; None if none was needed, or nothing can be made a title of.

    Raises:
        RecordNotFound: if there is no such conversation (any more).
        What `generate` raises.
    """
    if database.run(conversations.get, user_id, conversation_id).title is not None:
        return None
    page = database.run(items.list_page, user_id, conversation_id, limit=MAX_SEARCHED_ITEMS, order="asc")
    first_message = first_user_text([item.data for item in page.data])
    if first_message is None:
        return None
    title = make_title(first_message, generate)
    database.run(conversations.suggest_title, user_id, conversation_id, title)
    return title


def make_title(first_message: str, generate: Generate) -> str:
    """A title of 1 to MAX_TITLE_LENGTH characters for a conversation that begins with `first_message`.

    Raises:
        What `generate` raises.
    """
    return clean_title(generate(title_prompt(first_message), MAX_TITLE_TOKENS)) or first_words(first_message)


def title_prompt(first_message: str) -> list[Message]:
    """The chat messages that ask for a title. There is no system message, since some templates refuse one."""
    questions = [_quoted(text) for text in (*EXAMPLES, first_message.strip()[:MAX_QUOTED_LENGTH])]
    questions[0] = f"{INSTRUCTIONS}\n\n{questions[0]}"
    messages = [text_message("user", question) for question in questions]
    for number, title in enumerate(EXAMPLES.values()):
        messages.insert(2 * number + 1, text_message("assistant", title))
    return messages


def clean_title(answer: str) -> str:
    """The title in a model's answer; empty if there is none."""
    said = REASONING.sub("", answer).strip()
    if said.startswith(CODE):
        return ""
    lines = (_bare(line) for line in said.splitlines())
    return _shortened(next((line for line in lines if line), ""))


def first_words(message: str) -> str:
    """A title without a model's help."""
    return _shortened(" ".join(message.split())) or "Untitled"


def first_user_text(found: Sequence[Mapping[str, Any]]) -> str | None:
    """What the user says first among a conversation's items, oldest first; None if that is no text."""
    for item in found:
        if item.get("type") == "message" and item.get("role") == "user":
            text = text_of(item)
            return text if text.strip() else None
    return None


def _quoted(text: str) -> str:
    return f'Title for: "{text}"'


def _bare(line: str) -> str:
    line = INTRODUCTION.sub("", " ".join(line.split()).strip(MARKUP), count=1)
    return line.strip(MARKUP).rstrip(END_MARKS).strip(MARKUP)


def _shortened(line: str) -> str:
    if len(line) <= MAX_TITLE_LENGTH:
        return line
    cut = line[: MAX_TITLE_LENGTH - 1]
    words, space, _ = cut.rpartition(" ")
    # Text without spaces, as in Chinese, is cut anywhere.
    kept = words if space and len(words) > MAX_TITLE_LENGTH // 2 else cut
    return kept.rstrip(END_MARKS + " ") + "…"
