"""What `service` needs of an engine and of its intake, whatever the engine makes of requests."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

from server.protocol.messages import Accepted, Event, Question, Rejected, Stats, Submission, Tokens


class ServedRequest(Protocol):
    """A request, tokenized and known to fit. Compared by identity."""

    @property
    def owner(self) -> Hashable:
        """Whom its events go to; opaque to an engine."""
        ...

    @property
    def request_id(self) -> int: ...
    @property
    def num_choices(self) -> int: ...


R = TypeVar("R", bound=ServedRequest)


class ServedEngine(Protocol[R]):
    """A loop body. All but `stats` is called on one thread."""

    @property
    def has_work(self) -> bool: ...

    @property
    def waits_for_disk(self) -> bool:
        """Whether a step can do nothing before the disk has been read."""
        ...

    def submit(self, request: R) -> None:
        """Queue a request.

        Raises:
            QueueFull: if too many wait already.
        """
        ...

    def cancel(self, request: R) -> None:
        """Stop a request wherever it is. No event of it follows."""
        ...

    def step(self, deliver: Callable[[list[tuple[R, Event]]], None]) -> list[tuple[R, Event]]:
        """Compute a little; what happened, in order. What is put off until the next step goes to its `deliver`."""
        ...

    def check(self) -> None:
        """With nothing to do, prove that nothing leaked."""
        ...

    def tidy(self) -> float | None:
        """With nothing to do, do a little of what can wait; seconds until there is more of that, None for nothing."""
        ...

    def flush(self) -> None:
        """The end is near: hand over what should outlast it."""
        ...

    def stats(self, request_id: int) -> Stats:
        """What happened since the start. From any thread."""
        ...


class ServedIntake(Protocol[R]):
    """From a message to a request, on two threads: the slow part of one request delays no other's first part."""

    def prepare(self, owner: Hashable, submit: Submission, arrived: float) -> tuple[R, Accepted] | Rejected:
        """A request with the answer for the case that it is queued, or why there will be none."""
        ...

    def answer(self, question: Question) -> Tokens | Rejected:
        """What the vocabulary says, or why it says nothing."""
        ...

    def has_slow_part(self, submit: Submission, request: R) -> bool:
        """Whether the request is not whole before `prepare_slow_part`."""
        ...

    def prepare_slow_part(self, submit: Submission, request: R) -> R | Rejected:
        """The whole request, or why there will be none."""
        ...
