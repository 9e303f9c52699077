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

import msgspec

from server.answers.parts import (
    ContentText,
    End,
    FinishReason,
    OutputPart,
    ToolCallArguments,
    ToolCallStarted,
)
from server.chat.calls.json_scanner import is_whole_object
from server.chat.parser import OutputParser
from server.protocol.messages import Delta, Finished
from server.protocol.values import TokenLogprob


class OutputReader:
    """Reads one choice through a parser of its own."""

    def __init__(self, parser: OutputParser) -> None:
        self._parser = parser
        self._num_undecided_tokens = 0
        self._is_decided = False
        self._held_logprobs: list[TokenLogprob] = []
        self._arguments: list[list[str]] = []  # of each call, in pieces
        self._is_finished = False
        self.num_reasoning_tokens = 0

    def read(self, delta: Delta) -> list[OutputPart]:
        """The parts that this text completes."""
        parts = self._parser.feed(delta.text) if delta.text else []
        self._follow_calls(parts)
        self._count(parts, delta.num_tokens)
        self._held_logprobs += delta.logprobs or ()
        return self._with_logprobs(parts)

    def rest(self) -> list[OutputPart]:
        """What was held back, once no more text will come; nothing the second time."""
        if self._is_finished:
            return []
        self._is_finished = True
        parts = self._parser.finish()
        self._follow_calls(parts)
        self._count(parts, 0)
        return self._with_logprobs(parts)

    def end(self, finished: Finished) -> End:
        """The end of the choice. It tells the client to call only if it can: what the token limit or a stop string cut
        off, or the model did not finish, has arguments that are no JSON."""
        reason: FinishReason = finished.finish_reason
        return End("tool_calls" if reason == "stop" and self._has_whole_calls else reason)

    @property
    def _has_whole_calls(self) -> bool:
        return bool(self._arguments) and all(is_whole_object("".join(pieces)) for pieces in self._arguments)

    def _follow_calls(self, parts: list[OutputPart]) -> None:
        for part in parts:
            match part:
                case ToolCallStarted():
                    self._arguments.append([])
                case ToolCallArguments(index, text):
                    self._arguments[index].append(text)

    def _count(self, parts: list[OutputPart], num_tokens: int) -> None:
        if self._is_reasoning:
            self.num_reasoning_tokens += num_tokens + self._num_undecided_tokens
            self._num_undecided_tokens, self._is_decided = 0, True
        elif parts:
            self._num_undecided_tokens, self._is_decided = 0, True
        elif not self._is_decided:
            self._num_undecided_tokens += num_tokens

    @property
    def _is_reasoning(self) -> bool:
        return bool(getattr(self._parser, "is_reasoning", False))

    def _with_logprobs(self, parts: list[OutputPart]) -> list[OutputPart]:
        """The parts, with all logprobs that are held at the first content; without any content they are nobody's."""
        if not self._held_logprobs or not (parts or self._is_reasoning):
            return parts
        held, self._held_logprobs = self._held_logprobs, []
        for index, part in enumerate(parts):
            if isinstance(part, ContentText):
                return [*parts[:index], msgspec.structs.replace(part, logprobs=held), *parts[index + 1 :]]
        return parts
