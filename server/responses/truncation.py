"""Which turns of a conversation the model sees when not all of them fit.

    [instructions] [user, assistant] [user, call, output, assistant] [user]
    kept           dropped first     dropped next                    never dropped

Whole turns are dropped, the oldest first, so that no tool's output loses its call; but instructions stay, wherever they
are. It counts characters and is told the number of tokens; it does not know the tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import msgspec

from server.responses.prompt import OUTPUT_TYPES, Item, call_id_of, call_ids, is_instruction, is_users

DEFAULT_ROOM_SHARE = 8
"""The answer gets at least this part of the context (one eighth), unless the request says how long it may become."""

MAX_ROOM_SHARE = 2
"""However long the answer may become, half of the context is for the prompt."""

STEP_SHARE = 4
"""Turns are dropped by a quarter of the room at a time: the prompt keeps its beginning, and the KV cache its use."""


def room_for_answer(n_ctx: int, max_tokens: int | None) -> int:
    """Tokens that a prompt leaves to the answer, when it can be shortened."""
    return n_ctx // DEFAULT_ROOM_SHARE if max_tokens is None else min(max_tokens, n_ctx // MAX_ROOM_SHARE)


@dataclass(frozen=True)
class Cut:
    """What was left out of a prompt."""

    num_turns: int = 0
    num_items: int = 0


class Turns:
    """The items of a conversation, the new ones last, in turns that begin with a message of the user."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._leading: list[Item] = []
        self._turns: list[list[Item]] = []
        was_users = False
        for item in items:
            if not self._turns and is_instruction(item):
                self._leading.append(item)
                continue
            if not self._turns or (is_users(item) and not was_users):
                self._turns.append([])
            self._turns[-1].append(item)
            was_users = is_users(item)

    @property
    def max_dropped(self) -> int:
        """The last turn is what is to be answered: it stays."""
        return max(0, len(self._turns) - 1)

    @property
    def last(self) -> list[Item]:
        """The newest turn."""
        return self._turns[-1] if self._turns else []

    def num_beyond(self, max_turns: int) -> int:
        """How many turns there are more than that."""
        return max(0, len(self._turns) - max_turns)

    def without(self, num_dropped: int) -> tuple[list[Item], Cut]:
        """The items that are left without the oldest turns, and how many that costs."""
        instructions = [item for turn in self._turns[:num_dropped] for item in turn if is_instruction(item)]
        rest = [item for turn in self._turns[num_dropped:] for item in turn]
        known = call_ids(rest)
        if num_dropped:
            rest = [item for item in rest if item.get("type") not in OUTPUT_TYPES or call_id_of(item) in known]
        num_items = sum(map(len, self._turns)) - len(rest) - len(instructions)
        return [*self._leading, *instructions, *rest], Cut(num_dropped, num_items)

    def num_to_drop(self, num_tokens: int, max_tokens: int, room: int) -> int:
        """How many turns to drop of a prompt that has `num_tokens` with all of them and may have `max_tokens`.

        An estimate by the turns' lengths, one turn at least. What has to go is rounded up to a step, a part of `room`,
        so that the next turns of the same conversation are cut at the same place.
        """
        sizes = [_size(turn) for turn in self._turns]
        step = max(1, room // STEP_SHARE)
        num_excess = -(-max(1, num_tokens - max_tokens) // step) * step
        limit = num_excess * (sum(sizes) + _size(self._leading)) / max(1, num_tokens)
        enough = (index for index, size in enumerate(accumulate(sizes), start=1) if size >= limit)
        return min(next(enough, self.max_dropped), self.max_dropped)


def _size(items: Sequence[Item]) -> int:
    return len(msgspec.json.encode(items))
