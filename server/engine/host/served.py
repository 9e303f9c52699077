"""The part of an engine and of its intake that `service` needs, whatever the engine makes of requests."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

from server.protocol.messages import Accepted, Event, Question, Rejected, Stats, Submission, Tokens


class ServedRequest(Protocol):
    """A request, tokenized and known to fit. Compared by identity."""

    @property
    def owner(self) -> Hashable:
        """Receiver of its events; opaque to an engine."""
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
        """Compute a little. Returns what happened, in order.

        Events that are put off go to the next step's `deliver`.
        """
        ...

    def check(self) -> None:
        """Prove that nothing leaked, while there is nothing to do."""
        ...

    def tidy(self) -> float | None:
        """Do a little of the work that can wait. Returns the seconds until there is more of it; None for nothing."""
        ...

    def flush(self) -> None:
        """Hand over what should outlast the engine, which is about to end."""
        ...

    def stats(self, request_id: int) -> Stats:
        """Counts since the start. From any thread."""
        ...


class ServedIntake(Protocol[R]):
    """Turns messages into requests, on several threads: the slow part of one delays no other's first part."""

    def prepare(self, owner: Hashable, submit: Submission, arrived: float) -> tuple[R, Accepted] | Rejected:
        """A request with the answer for the case that it is queued, or the reason why there will be none."""
        ...

    def answer(self, question: Question) -> Tokens | Rejected:
        """The vocabulary's answer, or the reason why there is none."""
        ...

    def has_slow_part(self, submit: Submission, request: R) -> bool:
        """Whether the request is incomplete before `prepare_slow_part`."""
        ...

    def prepare_slow_part(self, submit: Submission, request: R) -> R | Rejected:
        """The complete request, or the reason why there will be none."""
        ...
