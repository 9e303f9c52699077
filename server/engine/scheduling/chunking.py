"""The chunks of a step: one for each sequence in it, and the way in which prompts are cut into them.

Work is counted in tokens without context: 1 is the computing of a token that has nothing before it. This module knows
sequences, and the cost of work by `step_cost` and `attention`. It does not know who gets a slot, or what becomes of the
results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as ReadOnlySequence
from dataclasses import dataclass

from server.engine.cost.attention import Attention
from server.engine.cost.step_cost import MIN_PREFILL_TOKENS, StepCost
from server.engine.sequence import Sequence

CHUNK_ROWS = 16
"""Tokens of a prompt, of which a long chunk has a multiple. The kernels compute this number of rows together, and each
row that is left over alone, for the time of a whole pass over the weights."""

FEW_CHUNK_ROWS = 4
"""Tokens of a prompt, of which a chunk shorter than `MANY_TOKENS` has a multiple."""

MANY_TOKENS = 64
"""Least tokens of a chunk that is cut to multiples of `CHUNK_ROWS`."""

MIN_WORTH_TOKENS = 64
"""Tokens of a long prompt that are worth a pass, even if the step takes somewhat longer by them than it should."""

MIN_EXTRA_TOKENS = 16
"""Least tokens of a further prompt that are worth another pass in the step, unless they are all that is left of it."""

MAX_END_STRETCH = 1.4
"""Multiple of its usual work that a step may take if it reaches the end of a prompt by that. Otherwise the few tokens
left over take a step of their own, in which everybody else computes a token as well."""

MAX_WORTH_STRETCH = 1.25
"""Multiple of its work that a step may take for a long prompt: to reach its end, or to compute as many tokens as are
worth a pass."""

MIN_TILE_GAIN = 1.25
"""Multiple of its speed with which a prompt must get on by a tile (see `attention`) to justify `MAX_STRETCH`."""

MAX_STRETCH = 3.0
"""Multiple of its work that a step may take for the sake of a tile; also for as many tokens as are worth a pass, where
nobody else is running."""

FIRST_COME_SHARE = 1 / 4
"""Share of a step's prompt work kept for the prompt that has waited longest, so that shorter ones never starve it. When
the others take more than their part of a step, it gets the difference in a later one."""


@dataclass(frozen=True)
class Chunk:
    """A run of one sequence's tokens to compute in a step, at positions [start, start + len(tokens)).

    tokens: [ the sequence's ........ | guesses | padding ]
    """

    sequence: Sequence
    slot_index: int
    tokens: list[int]
    start: int
    reaches_end: bool
    """Whether it contains the last token of its sequence, so that the next one can be sampled."""
    num_drafted: int = 0
    """Number of guesses among the tokens."""
    num_padding: int = 0
    """Number of tokens at the end that only make the pass faster; what is computed of them is forgotten."""

    @property
    def is_prefill(self) -> bool:
        return len(self.tokens) - self.num_drafted > 1

    @property
    def is_scored(self) -> bool:
        """Whether it lies in a prompt whose logprobs are wanted."""
        return self.sequence.scores_prompt and self.start < self.sequence.num_prompt_tokens

    @property
    def goes_on(self) -> bool:
        """Whether a token is to be chosen after it."""
        return self.reaches_end and not self.sequence.has_spent_max_tokens

    @property
    def num_logits(self) -> int:
        """Number of its last tokens, without the padding, after which the logits are needed.

        That is one behind the sequence's own last token and one behind each guess; in a scored prompt, one behind every
        token.
        """
        if self.is_scored:
            return len(self.tokens)
        return self.num_drafted + 1 if self.reaches_end else 0

    @property
    def num_real_tokens(self) -> int:
        """Number of tokens without the padding."""
        return len(self.tokens) - self.num_padding

    @property
    def num_prompt_tokens(self) -> int:
        """Number of tokens that belong to the prompt."""
        return max(0, min(self.num_real_tokens, self.sequence.num_prompt_tokens - self.start))


def make_chunk(sequence: Sequence, max_tokens: int, draft: ReadOnlySequence[int] = (), num_padding: int = 0) -> Chunk:
    """The next tokens of a sequence, `max_tokens` at most, with guesses or padding behind the last one."""
    assert sequence.slot is not None
    start = sequence.num_computed_tokens
    tokens = sequence.tokens[start : start + max_tokens]
    reaches_end = start + len(tokens) == len(sequence.tokens)
    padding = tokens[-1:] * num_padding
    return Chunk(
        sequence, sequence.slot.index, [*tokens, *draft, *padding], start, reaches_end, len(draft), num_padding
    )


class Chunking:
    """Cuts the prompts of a step into chunks, so that the step takes no longer than it may."""

    def __init__(
        self, step_cost: StepCost, attention: Attention, max_length: int, max_step_tokens: int, max_scored_tokens: int
    ) -> None:
        """Bounds of a step, in tokens.

        `max_length` is how long a sequence may become, padding included; 0 means that there can be no padding.
        `max_scored_tokens` is how many logits a step may have besides one for each slot.
        """
        self._step_cost = step_cost
        self._attention = attention
        self._max_length = max_length
        self._max_step_tokens = max_step_tokens
        self._max_scored_tokens = max_scored_tokens
        self._first_come: Sequence | None = None
        self._owed_work = 0.0
        """Work that the prompt that has waited longest has not yet had of its share."""

    def cut(self, prefilling: list[Sequence], num_decoding: int, is_crowded: bool = False) -> list[Chunk]:
        """Chunks of prompts for the next step, beside `num_decoding` sequences that decode.

        The prompts with the fewest tokens left come first, so that most prompts are done soonest. A step is crowded if
        more sequences wait for a slot than there are slots.
        """
        room = _Room(self._step_cost.prompt_work(num_decoding), self._max_step_tokens - num_decoding)
        usual_work, room_for_others = self._step_cost.decode_work(num_decoding) + room.work, room.work
        end_stretch = (MAX_END_STRETCH - 1) * usual_work
        crowded_stretch = max(end_stretch, self._step_cost.crowded_work - usual_work)
        first_come, kept = prefilling[0], self._claim(prefilling[0], room)
        max_scored = self._max_scored(prefilling)
        is_alone = len(prefilling) == 1 and not num_decoding and self._step_cost.chunks.is_known
        chunks: list[Chunk] = []
        for sequence in sorted(prefilling, key=_least_left_first(first_come)):
            # The prompts before the first come must leave it `kept`. From there on, nothing needs to be left.
            if sequence is first_come:
                kept = _Room(0, 0)
            # A further chunk must be worth another pass, unless it shares a pass or its prompt is owed one.
            is_owed, is_same_pass = sequence is first_come or not chunks, self._is_same_pass(chunks, sequence)
            price = 0.0 if is_owed or is_same_pass else self._step_cost.chunks.work_per_pass
            stretch = crowded_stretch if is_crowded and is_same_pass else end_stretch
            left = room.without(kept.work + price, kept.num_tokens)
            if sequence.scores_prompt:
                num_tokens = min(int(left.work), left.num_tokens, max_scored)
            else:
                num_tokens = self._num_fitting(sequence, left, stretch)
                if not chunks and left.work > 0 and num_tokens < sequence.num_uncomputed_tokens:
                    num_tokens = self._num_of_long_prompt(sequence, left, num_decoding, is_alone)
            if num_tokens > 0 and (is_owed or not _is_crumb(num_tokens, sequence)):
                chunks.append(make_chunk(sequence, num_tokens, num_padding=self._num_padding(sequence, num_tokens)))
                room = room.without(price + self.work(chunks[-1]), len(chunks[-1].tokens))
                if sequence is first_come:
                    self._owed_work = max(0.0, self._owed_work - self.work(chunks[-1]))
                else:
                    room_for_others -= self.work(chunks[-1])
        self._owed_work += FIRST_COME_SHARE * max(0.0, -room_for_others)
        return chunks

    def work(self, chunk: Chunk) -> float:
        """Work of a chunk of a prompt, in tokens without context."""
        return self._attention.work(len(chunk.tokens), chunk.start)

    def _claim(self, first_come: Sequence, room: _Room) -> _Room:
        """Room that the other prompts must leave in a step to the one that has waited longest."""
        if first_come is not self._first_come:
            self._first_come, self._owed_work = first_come, 0.0
        share = room.share(FIRST_COME_SHARE)
        self._owed_work += share.work
        return _Room(self._owed_work, share.num_tokens)

    def _num_fitting(self, sequence: Sequence, room: _Room, stretch: float) -> int:
        """Number of a prompt's tokens that fit into a room, or all of them if they fit with `stretch` more work."""
        whole, start = sequence.num_uncomputed_tokens, sequence.num_computed_tokens
        if self._fits(whole + self._num_padding(sequence, whole), start, _Room(room.work + stretch, room.num_tokens)):
            return whole
        most = min(int(room.work), room.num_tokens, whole)
        return next((num_tokens for num_tokens in _cuts(most) if self._fits(num_tokens, start, room)), 0)

    def _num_of_long_prompt(self, sequence: Sequence, room: _Room, num_decoding: int, is_alone: bool) -> int:
        """Number of tokens to compute of a prompt that does not fit into a step as a whole.

        Such steps may take longer than others, so that the prompt gets on.
        """
        whole = sequence.num_uncomputed_tokens
        extra = self._step_cost.long_prompt_work(num_decoding) - self._step_cost.prompt_work(num_decoding)
        long_room = _Room(room.work + extra, room.num_tokens)
        decode_work = self._step_cost.decode_work(num_decoding)
        stretch = (MAX_WORTH_STRETCH - 1) * (decode_work + long_room.work)
        few = max(self._num_fitting(sequence, long_room, stretch), min(MIN_PREFILL_TOKENS, whole))
        many = min(max(self._attention.tile, MIN_WORTH_TOKENS), whole)
        if few >= many or many > room.num_tokens:
            return few
        other_work = decode_work + self._step_cost.chunks.work_per_pass
        few_work, many_work = (other_work + self._work_of(sequence, number) for number in (few, many))
        gain = many / many_work / (few / few_work)
        if is_alone:
            longest = MAX_STRETCH * (other_work + room.work)
        elif self._attention.tile > 1 and gain >= MIN_TILE_GAIN:
            longest = MAX_STRETCH * max(other_work + room.work, few_work)
        else:
            longest = MAX_WORTH_STRETCH * (other_work + long_room.work)
        return many if gain > 1 and many_work <= longest else few

    def _fits(self, num_tokens: int, start: int, room: _Room) -> bool:
        return num_tokens <= room.num_tokens and self._attention.work(num_tokens, start) <= room.work

    def _work_of(self, sequence: Sequence, num_tokens: int) -> float:
        num_padding = self._num_padding(sequence, num_tokens)
        return self._attention.work(num_tokens + num_padding, sequence.num_computed_tokens)

    def _num_padding(self, sequence: Sequence, num_tokens: int) -> int:
        """Number of padding tokens to put behind the next `num_tokens` tokens; 0 unless they end a prompt."""
        if num_tokens < sequence.num_uncomputed_tokens or sequence.scores_prompt:
            return 0
        num_padding = self._attention.num_padding(num_tokens, sequence.num_computed_tokens)
        return num_padding if len(sequence.tokens) + num_padding <= self._max_length else 0

    def _is_same_pass(self, chunks: list[Chunk], sequence: Sequence) -> bool:
        """Whether all that is left of a sequence would share a pass with one of the chunks."""
        assert sequence.slot is not None
        index, num_tokens = sequence.slot.index, sequence.num_uncomputed_tokens
        length = num_tokens + self._num_padding(sequence, num_tokens)
        return any(abs(chunk.slot_index - index) == 1 and len(chunk.tokens) == length for chunk in chunks)

    def _max_scored(self, prefilling: list[Sequence]) -> int:
        """Number of logits that a step may have for each prompt whose logprobs are wanted."""
        num_scored = sum(sequence.scores_prompt for sequence in prefilling)
        return max(1, self._max_scored_tokens // (num_scored or 1))


@dataclass(frozen=True)
class _Room:
    """Work and tokens that a step still has room for in prompts."""

    work: float
    num_tokens: int

    def share(self, share: float) -> _Room:
        """The given part of this room, but at least that of `CHUNK_ROWS` tokens."""
        return _Room(max(CHUNK_ROWS, self.work * share), max(CHUNK_ROWS, int(self.num_tokens * share)))

    def without(self, work: float, num_tokens: int) -> _Room:
        return _Room(self.work - work, self.num_tokens - num_tokens)


def _least_left_first(first_come: Sequence) -> Callable[[Sequence], tuple[int, int, int]]:
    """Sort key by the number of tokens left.

    Prompts of equal length follow each other by slot, since neighbouring slots share a pass. The prompt that has waited
    longest comes first among them: otherwise its share would be a crumb beside the others.
    """
    assert first_come.slot is not None
    middle = first_come.slot.index

    def key(sequence: Sequence) -> tuple[int, int, int]:
        assert sequence.slot is not None
        return sequence.num_uncomputed_tokens, abs(sequence.slot.index - middle), sequence.slot.index

    return key


def _cuts(most: int) -> Iterator[int]:
    """Lengths to which a prompt may be cut, `most` at most, the longest first."""
    yield from range(most // CHUNK_ROWS * CHUNK_ROWS, MANY_TOKENS - 1, -CHUNK_ROWS)
    yield from range(min(most, MANY_TOKENS - 1) // FEW_CHUNK_ROWS * FEW_CHUNK_ROWS, 0, -FEW_CHUNK_ROWS)


def _is_crumb(num_tokens: int, sequence: Sequence) -> bool:
    """Whether this piece of a prompt is too short to be worth a pass of its own."""
    return num_tokens < min(MIN_EXTRA_TOKENS, sequence.num_uncomputed_tokens)
