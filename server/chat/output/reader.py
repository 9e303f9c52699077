"""One choice of a chat: what the engine sends, as parts, with the accounts that go with them.

    Delta.text -> parser -> parts
    Delta.num_tokens -> reasoning tokens
    Delta.logprobs -> logprobs of the content
    arguments -> whether every call is whole

The engine sends what a step brings of a choice as one `Delta`, which says how many tokens it is made of; mostly that is
one. A delta counts as reasoning from the first that is known to be, opening tag included, to the one that closes it.
Logprobs are the content's: those of tokens that went into reasoning, calls or markers are left out. Whether a token of
a text that is held back belongs to the content is known when the text comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from server.chat.calls.json_scanner import is_whole_object
from server.chat.parts import ContentText, OutputParser, OutputPart, ToolCallArguments, ToolCallStarted
from server.protocol.messages import Delta, Finished, TokenLogprob

MakeParser = Callable[[], OutputParser]


class OutputReader:
    """Reads one choice through a parser of its own."""

    def __init__(self, parser: OutputParser) -> None:
        self._parser = parser
        self._num_undecided_tokens = 0
        self._is_decided = False
        self._held_logprobs: list[TokenLogprob] = []
        self._arguments: list[list[str]] = []  # of each call, in pieces
        self.num_reasoning_tokens = 0

    @property
    def has_whole_calls(self) -> bool:
        """Whether there are calls, and the arguments of all of them are there to the end."""
        return bool(self._arguments) and all(is_whole_object("".join(pieces)) for pieces in self._arguments)

    def read(self, delta: Delta) -> tuple[list[OutputPart], list[TokenLogprob]]:
        """The parts that this text completes, and the logprobs of what is content of it."""
        parts = self._parser.feed(delta.text) if delta.text else []
        self._follow_calls(parts)
        self._count(parts, delta.num_tokens)
        self._held_logprobs += delta.logprobs or ()
        return parts, self._released_logprobs(parts)

    def finish(self) -> tuple[list[OutputPart], list[TokenLogprob]]:
        """What was held back to the end."""
        parts = self._parser.finish()
        self._follow_calls(parts)
        self._count(parts, 0)
        return parts, self._released_logprobs(parts)

    def _follow_calls(self, parts: list[OutputPart]) -> None:
        for part in parts:
            match part:
                case ToolCallStarted():
                    self._arguments.append([])
                case ToolCallArguments(index, text):
                    self._arguments[index].append(text)

    def _count(self, parts: list[OutputPart], num_tokens: int) -> None:
        if getattr(self._parser, "is_reasoning", False):
            self.num_reasoning_tokens += num_tokens + self._num_undecided_tokens
            self._num_undecided_tokens, self._is_decided = 0, True
        elif parts:
            self._num_undecided_tokens, self._is_decided = 0, True
        elif not self._is_decided:
            self._num_undecided_tokens += num_tokens

    def _released_logprobs(self, parts: list[OutputPart]) -> list[TokenLogprob]:
        if not parts and not getattr(self._parser, "is_reasoning", False):
            return []
        held, self._held_logprobs = self._held_logprobs, []
        return held if any(isinstance(part, ContentText) for part in parts) else []


def content_of(reader: OutputReader, events: Iterable[Delta | Finished]) -> str:
    """The content of a whole choice, for who wants nothing else of it."""
    parts: list[OutputPart] = []
    for event in events:
        parts += (reader.read(event) if isinstance(event, Delta) else reader.finish())[0]
    return "".join(part.text for part in parts if isinstance(part, ContentText))
