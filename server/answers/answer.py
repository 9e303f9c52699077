"""An answer in the making: started once, read in batches, ended in one of several ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from server.answers.parts import ChoicePart
from server.answers.usage import Usage

Batch = list[tuple[int, ChoicePart]]
"""Parts that came together, each with the index of its choice."""


class ClientLeft(Exception):
    """The client closed its connection; there is nobody to answer."""


class Answer(Protocol):
    """One answer. Whoever starts it closes it; until it is started, nothing runs and nothing is to be closed."""

    @property
    def num_choices(self) -> int: ...

    @property
    def usage(self) -> Usage:
        """Counts so far: those of the prompt once it is started, all of them once the batches have ended."""
        ...

    def start(self) -> None:
        """Hand the request over, and wait until it is sure to be answered.

        Raises:
            ParleyError: if it cannot be served; nothing of it runs then.
            ClientLeft: if the client did.
        """
        ...

    def batches(self, silence_seconds: float | None = None) -> Iterator[Batch]:
        """What happens, as it happens; an empty batch after `silence_seconds` in which there was nothing to tell.

        Every choice ends with its `End`, and the iteration with the last of them.

        Raises:
            ParleyError: if the answer cannot go on.
            ClientLeft: if the client did, or the answer was abandoned.
        """
        ...

    def rest(self) -> Batch:
        """What the backend still held back when the batches ended early; nothing comes after it."""
        ...

    def abandon(self) -> None:
        """End the batches as if the client had left; from any greenlet."""
        ...

    def hang_up(self) -> None:
        """Make the response that is being written the last on its connection."""
        ...

    def close(self) -> None:
        """Stop what still runs. May be called more than once."""
        ...


class CompletionAnswer(Answer, Protocol):
    """An answer to prompts without a conversation; choices are counted over all prompts."""

    @property
    def prompt_texts(self) -> list[str]:
        """Texts of the prompts, in order, where they are to be echoed."""
        ...

    @property
    def prompt_starts(self) -> list[tuple[int, bytes]]:
        """Of each prompt the number of its tokens, and the bytes of the first where its logprobs are wanted."""
        ...
