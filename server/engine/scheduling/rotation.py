"""Turns: callers one after the other, and among what a caller has, its own users one after the other.

So a caller has one turn in a round, however many users it names and however much it brings. It knows keys; it does not
know what has them, or who is behind one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from typing import Generic, TypeVar, cast

from server.protocol.values import QueueKey

T = TypeVar("T")

_NOTHING = object()
"""Stands where a shorter queue has ended."""


class Rotation(Generic[T]):
    """Items in queues by key, in the order of their turns. Adding and removing takes a constant time."""

    def __init__(self) -> None:
        self._by_caller: OrderedDict[str, OrderedDict[str, dict[T, None]]] = OrderedDict()
        self._num_items = 0

    def __len__(self) -> int:
        return self._num_items

    def __iter__(self) -> Iterator[T]:
        for by_user in self._by_caller.values():
            yield from chain.from_iterable(by_user.values())

    def add(self, key: QueueKey, items: Iterable[T]) -> None:
        """Append items, which are compared by hash, to the queue of their key."""
        queue = self._by_caller.setdefault(key.caller, OrderedDict()).setdefault(key.user, {})
        num_before = len(queue)
        queue.update(dict.fromkeys(items))
        self._num_items += len(queue) - num_before

    def in_order(self) -> Iterator[T]:
        """All items: the first of every caller, the second of every caller, and so on; so for the users of a caller."""
        return _in_turns(_in_turns(by_user.values()) for by_user in self._by_caller.values())

    def take(self, key: QueueKey, item: T) -> None:
        """Remove an item whose turn has come; its caller, and its user there, go to the end of the round."""
        self.remove(key, item)
        if by_user := self._by_caller.get(key.caller):
            self._by_caller.move_to_end(key.caller)
            if key.user in by_user:
                by_user.move_to_end(key.user)

    def remove(self, key: QueueKey, item: T) -> None:
        """Remove an item; turns stay as they are."""
        by_user = self._by_caller[key.caller]
        del by_user[key.user][item]
        self._num_items -= 1
        if not by_user[key.user]:
            del by_user[key.user]
        if not by_user:
            del self._by_caller[key.caller]


def _in_turns(queues: Iterable[Iterable[T]]) -> Iterator[T]:
    for one_of_each in zip_longest(*queues, fillvalue=_NOTHING):
        yield from (cast(T, item) for item in one_of_each if item is not _NOTHING)
