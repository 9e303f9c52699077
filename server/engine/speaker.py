"""The events that clients hear of their sequences: text, logprobs and the end, each beside its request.

Turns chosen tokens into text, finds stop strings, follows grammars and retires sequences that are over. It does not
know logits, the KV cache or when a forward pass happens.
"""

from __future__ import annotations

from server.engine.detokenizer import Released
from server.engine.grammar.constraint import ConstraintError
from server.engine.runner import Runner
from server.engine.scheduling.scheduler import Scheduler
from server.engine.sequence import Request, Sequence
from server.engine.stats import EngineStats
from server.engine.token_chooser import ChosenToken
from server.protocol.messages import Delta, Event, Failed, Finished, Started
from server.protocol.values import FinishReason, TokenLogprob

MASK_PATIENCE_SECONDS = 0.01
"""Seconds after a token for which the others wait for what its grammar allows next, to have its sequence in the
step."""

Output = tuple[Request, Event]
"""A request, and an event of it."""


class Speaker:
    """Collects the events of one engine's sequences until they are taken."""

    def __init__(self, runner: Runner, scheduler: Scheduler, stats: EngineStats) -> None:
        self._runner = runner
        self._scheduler = scheduler
        self._stats = stats
        self._outputs: list[Output] = []
        self._unsaid: list[tuple[Sequence, int]] = []
        """Tokens whose text is made while the next pass is computed, with their sequences."""

    @property
    def has_outputs(self) -> bool:
        return bool(self._outputs)

    def take_outputs(self) -> list[Output]:
        """All events since the last call, in order, those that were put off included."""
        self.say_unsaid()
        outputs, self._outputs = self._outputs, []
        return outputs

    def withdraw(self, request: Request) -> None:
        """Drop the events of a request that have not been taken."""
        self._outputs = [output for output in self._outputs if output[0] is not request]

    def say_start(self, sequence: Sequence) -> None:
        """Say that the sequence does not wait any more."""
        timing, request = sequence.timing, sequence.request
        assert timing.started is not None
        waited = timing.started - timing.arrived
        started = Started(request.request_id, sequence.choice, sequence.num_cached_tokens, waited)
        self._outputs.append((request, started))

    def say_token(self, sequence: Sequence, chosen: ChosenToken, may_put_off: bool) -> None:
        """Append a chosen token to its sequence, and say what it brings: text, logprobs, the end.

        With `may_put_off`, its text may be made while the next pass is computed.
        """
        token, logprob = chosen
        sequence.tokens.append(token)
        if logprob is not None and not self._runner.is_eog(token):
            sequence.held_logprobs.append(logprob)
        if may_put_off and self._only_brings_text(sequence, token):
            self._unsaid.append((sequence, token))
        else:
            self._say(sequence, token)

    def say_unsaid(self) -> None:
        """Say what was put off."""
        unsaid, self._unsaid = self._unsaid, []
        for sequence, token in unsaid:
            if sequence.slot is not None:  # or it was cancelled
                self._emit(sequence, self._text_of(sequence, token))

    def say_prompt_logprobs(self, sequence: Sequence, logprobs: list[TokenLogprob]) -> None:
        """Say logprobs of tokens of the prompt, which have no text in a completion, for all choices of the request."""
        request = sequence.request
        for choice in range(request.num_choices):
            self._outputs.append((request, Delta(request.request_id, choice, "", logprobs, num_tokens=0)))

    def await_grammar(self, sequence: Sequence, deadline: float | None = None) -> bool:
        """Whether a sequence can go on. If it has spent its tokens, or its grammar is at the end, it is finished here.

        Waits for what its grammar allows next: `MASK_PATIENCE_SECONDS`, or to `deadline`, by `time.monotonic`.
        """
        constraint = sequence.constraint
        if constraint is None or sequence.slot is None:
            return sequence.slot is not None
        try:
            if not constraint.wait(deadline or constraint.accepted_at + MASK_PATIENCE_SECONDS):
                return False
        except ConstraintError as error:
            self.fail(sequence.request, Failed(sequence.request.request_id, str(error), blames_grammar=True))
            return False
        if constraint.is_complete:
            self.finish(sequence, "stop")
        elif sequence.has_spent_max_tokens:
            self.finish(sequence, "length")
        return sequence.slot is not None

    def finish(self, sequence: Sequence, reason: FinishReason) -> None:
        """End a sequence that takes no further token, with the text that was held back."""
        self._finish(sequence, sequence.detokenizer.flush(), reason)

    def finish_before_start(self, sequence: Sequence) -> None:
        """End a sequence that may have no tokens and was never scheduled."""
        self._outputs.append((sequence.request, _finished(sequence, "length")))

    def fail(self, request: Request, failed: Failed) -> None:
        """End all choices of a request with an error."""
        for sequence in self._scheduler.sequences_of(request):
            self.retire(sequence, "error")
        self._outputs.append((request, failed))

    def retire(self, sequence: Sequence, reason: str) -> None:
        """Take a sequence out of the engine without an event."""
        self._stats.on_end(sequence, reason)
        self._scheduler.finish(sequence)
        sequence.close()

    def _only_brings_text(self, sequence: Sequence, token: int) -> bool:
        """Whether it is certain before the text is made that the sequence goes on as it is."""
        return (
            sequence.constraint is None
            and not sequence.request.stop
            and not sequence.has_spent_max_tokens
            and not self._runner.is_eog(token)
        )

    def _say(self, sequence: Sequence, token: int) -> None:
        if self._runner.is_eog(token):
            self._stats.on_token(sequence)
            self.finish(sequence, "stop")
            return
        released = self._text_of(sequence, token)
        if sequence.constraint is not None:
            sequence.constraint.accept(token)
        if released.is_stopped:
            self._finish(sequence, released, "stop")
        elif sequence.has_spent_max_tokens and not sequence.awaits_grammar:
            self._finish(sequence, released, "length")
        else:
            self._emit(sequence, released)

    def _text_of(self, sequence: Sequence, token: int) -> Released:
        self._stats.on_token(sequence)
        shown = sequence.request.shown_tokens.get(token)
        return sequence.detokenizer.push(shown or self._runner.token_bytes(token))

    def _finish(self, sequence: Sequence, released: Released, reason: FinishReason) -> None:
        self._emit(sequence, released)
        if not released.is_stopped:
            last = sequence.detokenizer.flush()
            self._emit(sequence, last)
            reason = "stop" if last.is_stopped else reason
        self._outputs.append((sequence.request, _finished(sequence, reason)))
        self.retire(sequence, reason)

    def _emit(self, sequence: Sequence, released: Released) -> None:
        shown = sequence.held_logprobs[: released.num_tokens]
        del sequence.held_logprobs[: released.num_tokens]
        if released.text or shown:
            delta = Delta(
                sequence.request.request_id, sequence.choice, released.text, shown or None, released.num_tokens
            )
            self._outputs.append((sequence.request, delta))


def _finished(sequence: Sequence, reason: FinishReason) -> Finished:
    return Finished(
        sequence.request.request_id,
        sequence.choice,
        reason,
        sequence.num_completion_tokens,
        sequence.num_cached_tokens,
    )
