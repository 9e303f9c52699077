"""The engine's loop body: requests in, events out, one forward pass a step.

`Engine` joins model, KV cache and scheduler. It does not know where requests come from, where events go, or how tokens
become text. It runs on one thread; nothing in it waits for anything but the forward pass.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import islice

import msgspec

from server.engine.cost.step_cost import StepCost
from server.engine.detokenizer import Detokenizer
from server.engine.kv.cache import IntegrityError, KVCache
from server.engine.kv.disk import Disk
from server.engine.kv.tiers import Tiers
from server.engine.runner import DecodeError, Runner
from server.engine.scheduling.chunking import Chunk, Chunking
from server.engine.scheduling.places import QueueFull
from server.engine.scheduling.scheduler import Scheduler
from server.engine.scheduling.waiting_queue import WaitingQueue
from server.engine.sequence import Request, Sequence
from server.engine.speaker import Output, Speaker
from server.engine.speculation.prompt_lookup import PromptLookup
from server.engine.speculation.speculation import Drafter, Speculation
from server.engine.stats import EngineStats
from server.engine.token_chooser import TokenChooser
from server.protocol.messages import Failed, Stats

logger = logging.getLogger(__name__)

ALONE_PATIENCE_SECONDS = 0.05
"""Seconds to wait for what a grammar allows next if there is nothing to compute; bounds the time to notice arrivals."""

MAX_IDLE_STEP_SECONDS = 0.5
"""Seconds that a step should take while no sequence decodes; bounds the time to notice a cancellation or a new request.
A longer `max_step_ms` takes its place."""

Deliver = Callable[[list[Output]], None]
"""Takes events that were put off, while a GPU computes."""


class Engine:
    """Continuous batching over the slots of one model."""

    def __init__(
        self,
        runner: Runner,
        max_waiting_requests: int,
        max_waiting_tokens: int,
        max_step_ms: int,
        max_ram_bytes: int = 0,
        max_draft_tokens: int = 0,
        disk: Disk | None = None,
        drafter: Drafter | None = None,
    ) -> None:
        """Start with nothing to do.

        `max_ram_bytes` of host memory and `disk` may keep what slots had to make room for. `max_draft_tokens` is the
        number of tokens that may be guessed ahead for one sequence; 0 means none, and so do models that cannot take
        tokens back. Guesses come from `drafter`, by default from the sequence's own tokens.
        """
        self._runner = runner
        self._kv_cache = KVCache(runner.memory, runner.num_slots)
        self._step_cost = cost = StepCost(max_step_ms / 1000, MAX_IDLE_STEP_SECONDS, runner.is_on_gpu)
        self._tiers = Tiers(
            self._kv_cache,
            max_ram_bytes,
            disk,
            lambda: cost.chunks.seconds_per_token,
            is_worth_saving=cost.is_worth_saving,
        )
        waiting = WaitingQueue(max_waiting_requests, max_waiting_tokens)
        self._speculation = Speculation(
            drafter or PromptLookup(),
            max_draft_tokens if self._kv_cache.can_trim else 0,
            runner.max_step_logits,
            self._step_cost.passes,
        )
        chunking = Chunking(
            self._step_cost,
            runner.attention,
            max_length=runner.n_ctx if self._kv_cache.can_trim else 0,
            max_step_tokens=runner.max_step_tokens,
            max_scored_tokens=runner.max_step_logits - runner.num_slots,
        )
        self._scheduler = Scheduler(self._kv_cache, self._tiers, waiting, self._step_cost, self._speculation, chunking)
        self._chooser = TokenChooser(runner)
        self._stats = EngineStats()
        self._speaker = Speaker(runner, self._scheduler, self._stats)
        self._may_put_off = False

    @property
    def has_work(self) -> bool:
        return self._scheduler.has_work or self._speaker.has_outputs

    @property
    def waits_for_disk(self) -> bool:
        """Whether a step has nothing to do before the disk's `on_read`, or another request."""
        return self._scheduler.waits_for_disk and not self._speaker.has_outputs

    def tidy(self) -> float | None:
        """Look after the KV cache's tiers. To be called after every step, and when the time that it returns is over.

        Returns the seconds until there is more to do; None if there is nothing before something happens.
        """
        return self._tiers.tidy()

    def flush(self) -> None:
        """Have the disk write what it does not have yet, since the engine is about to end."""
        self._tiers.flush()

    def submit(self, request: Request) -> None:
        """Queue a request.

        Raises:
            QueueFull: if too many wait already.
        """
        sequences = [self._new_sequence(request, choice) for choice in range(request.num_choices)]
        if request.wants_prompt_logprobs:
            for sequence in sequences[1:]:
                sequence.scorer = sequences[0]
        if request.max_tokens == 0 and not request.wants_prompt_logprobs:
            for sequence in sequences:
                self._speaker.finish_before_start(sequence)
            return
        try:
            self._scheduler.submit(sequences)
        except QueueFull:
            self._stats.num_rejected += 1
            raise

    def cancel(self, request: Request) -> None:
        """Stop a request wherever it is. No event of it follows."""
        for sequence in self._scheduler.sequences_of(request):
            self._speaker.retire(sequence, "abort")
        # A request for no tokens ends as soon as it is submitted, before the next step.
        self._speaker.withdraw(request)

    def step(self, deliver: Deliver | None = None) -> list[Output]:
        """Schedule, compute, sample. Returns what happened, in order.

        With `deliver`, events may be put off to the next step, which hands them over while a GPU computes.
        """
        if not self._runner.is_on_gpu:
            deliver = None
        self._may_put_off = deliver is not None
        for sequence in self._scheduler.awaiting_grammar:
            self._speaker.await_grammar(sequence)
        chunks = self._scheduler.schedule()
        if chunks:
            self._compute(chunks, deliver)
        for sequence in self._scheduler.awaiting_grammar[:1] if not chunks else ():
            self._speaker.await_grammar(sequence, time.monotonic() + ALONE_PATIENCE_SECONDS)
        if self._may_put_off and chunks and any(not sequence.awaits_grammar for sequence in self._scheduler.running):
            return []  # another pass will come, which delivers them
        return self._speaker.take_outputs()

    def stats(self, request_id: int) -> Stats:
        """Counts since the start, and what runs now. From any thread."""
        kv, slots, scheduler = self._tiers.stats, self._kv_cache.slots, self._scheduler
        slot_tokens = sum(len(slot.tokens) for slot in slots)
        return self._stats.snapshot(
            request_id,
            gauges={"running": len(scheduler.running), "waiting": len(scheduler.waiting), "slots": len(slots)},
            num_preemptions=self._kv_cache.num_preemptions,
            kv_tokens={"slots": slot_tokens, "ram": kv.num_ram_tokens, "disk": kv.num_disk_tokens},
            kv_hits={"slots": kv.slot_hit_tokens, "ram": kv.ram_hit_tokens, "disk": kv.disk_hit_tokens},
        )

    def check(self) -> None:
        """Prove that nothing leaked, while there is nothing to do. A wrong account is logged and put right."""
        try:
            self._scheduler.check()
        except IntegrityError:
            logger.exception("the KV cache's account is wrong; all slots are cleared")
            for slot in self._kv_cache.slots:
                slot.is_busy = False
                self._kv_cache.clear(slot)

    def _new_sequence(self, request: Request, choice: int) -> Sequence:
        params = request.sampling
        if params.seed is not None and choice:
            params = msgspec.structs.replace(params, seed=params.seed + choice)
        ignores_eos = request.ignore_eos and request.grammar is None
        return Sequence(
            request,
            choice,
            lambda: self._runner.sampler(params, ignores_eos, request.dry_rule),
            Detokenizer(request.stop, request.thoughts),
        )

    def _compute(self, chunks: list[Chunk], deliver: Deliver | None) -> None:
        started = time.perf_counter()
        for chunk in chunks:
            if self._stats.on_pass(chunk.sequence, started):
                self._speaker.say_start(chunk.sequence)
        try:
            rows = self._runner.decode(chunks)
        except DecodeError as error:
            self._speaker.say_unsaid()
            self._give_up(chunks, error)
            return
        # A GPU is still computing, so whatever does not need the logits comes first.
        if deliver is not None:
            deliver(self._speaker.take_outputs())
        num_prefill = sum(chunk.num_prompt_tokens for chunk in chunks)
        self._account(chunks)
        self._sample(chunks, rows)
        seconds = time.perf_counter() - started
        self._stats.on_step(seconds, num_prefill)
        self._scheduler.learn(chunks, seconds)

    def _account(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            assert chunk.sequence.slot is not None
            self._kv_cache.append(chunk.sequence.slot, chunk.tokens[: chunk.num_real_tokens], chunk.num_padding)

    def _sample(self, chunks: list[Chunk], rows: list[int]) -> None:
        remaining = iter(rows)
        rows_by_chunk = [(chunk, list(islice(remaining, chunk.num_logits))) for chunk in chunks]
        pending = {own[-1 - chunk.num_drafted]: chunk.sequence for chunk, own in rows_by_chunk if chunk.goes_on}
        self._chooser.prepare(rows, pending)
        for chunk, rows_of_chunk in rows_by_chunk:
            if chunk.sequence.slot is None:
                continue  # it ended with another choice of its request
            if chunk.is_scored:
                self._score(chunk, rows_of_chunk)
            if chunk.reaches_end:
                self._go_on(chunk, rows_of_chunk[-1 - chunk.num_drafted :])

    def _score(self, chunk: Chunk, rows: list[int]) -> None:
        """Say the logprobs of the prompt's tokens that follow those whose logits are in `rows`."""
        request, start = chunk.sequence.request, chunk.start
        num_known = max(
            0, chunk.sequence.num_scored_tokens - start
        )  # lost tokens are computed again, but not said again
        following = request.prompt[start + 1 + num_known : start + 1 + len(rows)]
        num_top = request.num_top_logprobs or 0
        scored = [self._chooser.logprob(*of, num_top) for of in zip(rows[num_known:], following, strict=False)]
        chunk.sequence.num_scored_tokens = max(chunk.sequence.num_scored_tokens, start + len(rows))
        if scored:
            self._speaker.say_prompt_logprobs(chunk.sequence, scored)

    def _go_on(self, chunk: Chunk, rows: list[int]) -> None:
        """Choose the next tokens of a sequence all of whose tokens are computed, unless it has spent its tokens."""
        if chunk.sequence.has_spent_max_tokens:
            self._speaker.finish(chunk.sequence, "length")
        else:
            self._take_tokens(chunk, rows)

    def _take_tokens(self, chunk: Chunk, rows: list[int]) -> None:
        """Choose a token at every row, as long as the drafted token behind it is the chosen one.

        So each token is chosen as it would be without drafts, from logits after exactly the tokens before it. What was
        computed of wrong drafts is taken back.
        """
        sequence, slot = chunk.sequence, chunk.sequence.slot
        assert slot is not None
        drafted = chunk.tokens[len(chunk.tokens) - chunk.num_drafted :]
        may_put_off = (
            self._may_put_off and not drafted
        )  # with drafts, several tokens may come, and must be said in order
        num_right = 0
        try:
            for row in rows:
                chosen = self._chooser.choose(sequence, row)
                self._speaker.say_token(sequence, chosen, may_put_off)
                if sequence.slot is None or num_right == len(drafted) or chosen.token != drafted[num_right]:
                    break
                if not self._speaker.await_grammar(sequence):
                    break
                num_right += 1
        finally:
            self._stats.on_drafts(len(drafted), num_right)
            if num_right < len(drafted):
                self._kv_cache.trim(slot, len(slot.tokens) - len(drafted) + num_right)

    def _give_up(self, chunks: list[Chunk], error: DecodeError) -> None:
        """End the requests that were in a failed forward pass, and nobody else's."""
        logger.error("%s; %d sequences are lost", error, len(chunks))
        for request in dict.fromkeys(chunk.sequence.request for chunk in chunks):
            for sequence in self._scheduler.sequences_of(request):
                if sequence.slot is not None:
                    self._kv_cache.clear(sequence.slot)
            self._speaker.fail(request, Failed(request.request_id, "the model failed to compute this request"))
