"""An answer of an engine: its events, read as the parts of `server.answers`.

Where all text is content, what the engine sends is passed on as it is. Otherwise a reader for each choice takes it
apart.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

from server.answers.answer import Batch
from server.answers.parts import ChoicePart, ContentText, End, PromptLogprobs
from server.answers.usage import Usage
from server.backends.local.generation import ChoiceEvent, Generation
from server.backends.local.reader import OutputReader
from server.chat.output.plan import OutputPlan
from server.protocol.messages import Delta, Finished


class LocalAnswer:
    """Implements `Answer` and, with the plan for plain text, `CompletionAnswer`."""

    def __init__(self, generation: Generation, plan: OutputPlan) -> None:
        self._generation = generation
        num_readers = 0 if plan.is_plain else generation.num_choices
        self._readers = [OutputReader(plan.make_parser()) for _ in range(num_readers)]
        self.num_choices = generation.num_choices
        self.start = generation.start
        self.abandon = generation.abandon
        self.hang_up = generation.hang_up
        self.close = generation.close

    @property
    def usage(self) -> Usage:
        num_reasoning_tokens = sum(reader.num_reasoning_tokens for reader in self._readers)
        return dataclasses.replace(self._generation.usage, num_reasoning_tokens=num_reasoning_tokens)

    @property
    def prompt_texts(self) -> list[str]:
        return self._generation.prompt_texts

    @property
    def prompt_starts(self) -> list[tuple[int, bytes]]:
        return self._generation.prompt_starts

    def batches(self, silence_seconds: float | None = None) -> Iterator[Batch]:
        if self._readers:
            yield from self._read(silence_seconds)
            return
        for events in self._generation.events(silence_seconds):
            yield [(index, _as_part(event)) for index, event in events]

    def rest(self) -> Batch:
        return [(index, part) for index, reader in enumerate(self._readers) for part in reader.rest()]

    def _read(self, silence_seconds: float | None) -> Iterator[Batch]:
        """Batches that are read; tokens of which nothing can be told yet are silence, too."""
        told_at = time.monotonic()
        for events in self._generation.events(silence_seconds):
            batch = [part for event in events for part in self._parts(event)]
            is_silent = silence_seconds is not None and time.monotonic() - told_at >= silence_seconds
            if batch or is_silent:
                told_at = time.monotonic()
                yield batch

    def _parts(self, happened: ChoiceEvent) -> list[tuple[int, ChoicePart]]:
        index, event = happened
        reader = self._readers[index]
        if isinstance(event, Delta):
            return [(index, part) for part in reader.read(event)]
        return [*((index, part) for part in reader.rest()), (index, reader.end(event))]


def _as_part(event: Delta | Finished) -> ChoicePart:
    """What the engine sent, as it is."""
    if not isinstance(event, Delta):
        return End(event.finish_reason)
    if event.logprobs and not event.num_tokens:
        return PromptLogprobs(event.logprobs)
    return ContentText(event.text, event.logprobs or ())
