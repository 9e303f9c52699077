"""How much may wait, and how much of it of one caller: two bounds, and an equal share for everybody who comes late.

It knows callers, numbers and sizes; it does not know what waits, or in which order.
"""

from __future__ import annotations

from dataclasses import dataclass


class QueueFull(Exception):
    """No place is left; carries the bound that was reached."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} are waiting already")
        self.limit = limit


@dataclass
class _Held:
    num_requests: int = 0
    size: int = 0


class Places:
    """Places for up to `max_requests` requests of up to `max_size` together, whatever the unit of size.

    One caller may take them all. Who comes then still gets as much as if all callers who wait had equal shares, so at
    worst twice as much waits as the bounds say.
    """

    def __init__(self, max_requests: int, max_size: int) -> None:
        self._max_requests = max_requests
        self._max_size = max_size
        self._all = _Held()
        self._by_caller: dict[str, _Held] = {}

    @property
    def num_requests(self) -> int:
        return self._all.num_requests

    def enter(self, caller: str, size: int, num_free: int = 0) -> None:
        """Give a place to a request of `caller`; `num_free` requests need none.

        Raises:
            QueueFull: if there is none. Size alone never keeps out the first request, of all or of a caller.
        """
        own = self._by_caller.get(caller, _Held())
        num_callers = len(self._by_caller) + (caller not in self._by_caller)
        is_full = self._all.num_requests >= self._max_requests + num_free
        if is_full and own.num_requests + 1 > self._max_requests // num_callers:
            raise QueueFull(self._max_requests)
        is_large = self._all.num_requests > num_free and self._all.size + size > self._max_size
        if is_large and own.num_requests and own.size + size > self._max_size // num_callers:
            raise QueueFull(self._max_size)
        for held in (self._all, self._by_caller.setdefault(caller, own)):
            held.num_requests += 1
            held.size += size

    def leave(self, caller: str, size: int) -> None:
        """Give the place of such a request back."""
        for held in (self._all, self._by_caller[caller]):
            held.num_requests -= 1
            held.size -= size
        if not self._by_caller[caller].num_requests:
            del self._by_caller[caller]
