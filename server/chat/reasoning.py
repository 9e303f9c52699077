"""Reasoning that a model writes before its answer, between two tags, and how it is told from what follows.

    [white space] [start tag] reasoning [end tag] [white space] the rest
    [white space] end tag [white space] the rest

Only what the output begins with is reasoning: tags that come later are somebody's text. Many templates write the start
tag themselves, so that the output begins inside. It knows texts only; channels, where reasoning and calls are parts of
one format, are their family's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from server.answers.parts import ContentText, OutputPart, ReasoningText
from server.chat.parser import OutputParser


@dataclass(frozen=True)
class ThinkTags:
    """What reasoning begins and ends with."""

    start: str
    end: str

    def is_open_in(self, prompt: str) -> bool:
        """Whether a prompt ends inside of reasoning."""
        return prompt.rstrip().endswith(self.start)

    def are_begun_by(self, content: str) -> bool:
        """Whether a content begins with reasoning that it does not end."""
        return content.lstrip().startswith(self.start) and self.end not in content


KNOWN_TAGS = (
    ThinkTags("<think>", "</think>"),
    ThinkTags("[THINK]", "[/THINK]"),
    ThinkTags("<|START_THINKING|>", "<|END_THINKING|>"),
    ThinkTags("<seed:think>", "</seed:think>"),
    ThinkTags("◁think▷", "◁/think▷"),
    ThinkTags("<mm:think>", "</mm:think>"),
    ThinkTags("<thinking>", "</thinking>"),
    ThinkTags("<thought>", "</thought>"),
    ThinkTags("<reasoning>", "</reasoning>"),
    ThinkTags("Here is my thought process:", "Here is my response:"),
)
"""Those of the models around: Qwen, DeepSeek, GLM and many more; Mistral; Command; Seed; Kimi; MiniMax; Granite ..."""

_REASONING, _ANSWER = "What was thought.", "What was said."
_LAST_WORD = re.compile(r"(\S+)\s*\Z")
_LAST_OF_TAGS = re.compile(r"<[^<>\s]+>(<[^<>\s]+>)\Z")

ShowReasoning = Callable[[str, str], str]
"""Renders a conversation that ends with an assistant's message of this reasoning and this content."""


def find_think_tags(template_source: str, show: ShowReasoning) -> ThinkTags | None:
    """The tags of a model with this template; None if it does not think, or not between tags.

    A template that spells tags that are not known shows them around the reasoning of an earlier message.
    """
    known = (tags for tags in KNOWN_TAGS if tags.start in template_source or tags.end in template_source)
    return next(known, None) or _shown_tags(show(_REASONING, _ANSWER))


def _shown_tags(prompt: str) -> ThinkTags | None:
    before, has_reasoning, rest = prompt.partition(_REASONING)
    between, has_answer, _ = rest.partition(_ANSWER)
    start = _LAST_WORD.search(before)
    words = between.split()
    if not has_reasoning or not has_answer or not start or len(words) != 1 or start[1] == words[0]:
        return None
    # Behind the tag of the turn there may be no space.
    of_tags = _LAST_OF_TAGS.search(start[1])
    return ThinkTags(of_tags[1] if of_tags else start[1], words[0])


class _State(Enum):
    BEFORE = auto()
    INSIDE = auto()
    BEHIND = auto()
    """The white space behind the end tag."""
    OVER = auto()


class ReasoningSplitter:
    """Implements `ReasoningParser`: cuts reasoning off the front and leaves the rest to another parser.

    White space around the reasoning and behind the end tag is nobody's. Reasoning that does not end is reasoning.
    """

    def __init__(self, tags: ThinkTags, is_open: bool = False, rest: OutputParser | None = None) -> None:
        """`is_open`: the prompt ends with the start tag. Without `rest`, what follows is content."""
        self._tags = tags
        self._is_open = is_open
        self._rest = rest
        self._state = _State.BEFORE
        self._held = ""
        self._has_reasoned = False
        self.is_reasoning = False

    def feed(self, text: str) -> list[OutputPart]:
        was_inside = self._state is _State.INSIDE
        parts = self._take(text)
        self.is_reasoning = was_inside or self._state is _State.INSIDE or any(map(_is_reasoning, parts))
        return parts

    def finish(self) -> list[OutputPart]:
        held, self._held = self._held, ""
        if self._state is _State.INSIDE or (self._state is _State.BEFORE and self._is_open):
            return self._reasoning(held.rstrip())
        rest = [] if self._state is _State.BEHIND else self._pass_on(held)
        return rest + (self._rest.finish() if self._rest else [])

    def _take(self, text: str) -> list[OutputPart]:
        if self._state is _State.OVER:
            return self._pass_on(text)
        self._held += text
        if self._state is _State.BEFORE:
            self._begin()
        parts = self._think() if self._state is _State.INSIDE else []
        if self._state is _State.BEHIND:
            self._held = self._held.lstrip()
            self._state = _State.OVER if self._held else _State.BEHIND
        if self._state is _State.OVER:
            held, self._held = self._held, ""
            parts += self._pass_on(held)
        return parts

    def _begin(self) -> None:
        begun = self._held.lstrip()
        awaited = (self._tags.start,) if self._is_open else (self._tags.start, self._tags.end)
        if begun.startswith(self._tags.start):  # also where it is open: some models write the tag again
            self._held = begun[len(self._tags.start) :]
            self._state = _State.INSIDE
        elif begun.startswith(awaited):  # the end tag alone, as MiniMax M3 says that it has no thoughts
            self._held = begun[len(self._tags.end) :]
            self._state = _State.BEHIND
        elif not any(tag.startswith(begun) for tag in awaited):
            self._state = _State.INSIDE if self._is_open else _State.OVER

    def _think(self) -> list[OutputPart]:
        if not self._has_reasoned:
            self._held = self._held.lstrip()
        thought, end, behind = self._held.partition(self._tags.end)
        if end:
            self._state, self._held = _State.BEHIND, behind
            return self._reasoning(thought.rstrip())
        kept = thought[: len(thought) - _num_chars_of_beginning(thought, self._tags.end)].rstrip()
        self._held = thought[len(kept) :]
        return self._reasoning(kept)

    def _reasoning(self, text: str) -> list[OutputPart]:
        self._has_reasoned = self._has_reasoned or bool(text)
        return [ReasoningText(text)] if text else []

    def _pass_on(self, text: str) -> list[OutputPart]:
        if self._rest is not None:
            return self._rest.feed(text) if text else []
        return [ContentText(text)] if text else []


def _is_reasoning(part: OutputPart) -> bool:
    return isinstance(part, ReasoningText)


def _num_chars_of_beginning(text: str, tag: str) -> int:
    """How much of the text's end the tag may begin with."""
    lengths = range(min(len(text), len(tag) - 1), 0, -1)
    return next((length for length in lengths if tag.startswith(text[-length:])), 0)
