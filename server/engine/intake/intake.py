"""Turns submitted messages into requests that are known to fit, by tokenizing and compiling off the engine's thread.

Tokenizing and compiling have a thread each, so that a long prompt or a large grammar delays neither a step nor the
reading of a cancellation. Knows vocabularies and limits; it does not know slots, queues or sockets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

from server.engine.grammar.guidance import GrammarError
from server.engine.intake.prompt_size import num_tokens_if_hopeless
from server.engine.intake.questions import Spelling, answer
from server.engine.llama.deep_stack import MAX_WORD_CHARS, WordTooLong
from server.engine.sequence import Request
from server.protocol.messages import Accepted, Question, Rejected, Submission, Submit, Tokens
from server.protocol.values import Grammar, SamplingParams, TextPiece

if TYPE_CHECKING:
    from server.engine.grammar.constraint import CompiledGrammar
    from server.engine.sampling.sampler import RepetitionRule


class Tokenizer(Spelling, Protocol):
    """The part of a vocabulary that intake needs."""

    def tokenize(self, pieces: list[TextPiece]) -> list[int]: ...
    def text(self, tokens: list[int]) -> str: ...
    def token_bytes(self, token: int) -> bytes: ...
    def shown_tokens(self, spellings: list[str]) -> dict[int, bytes]: ...


class DryRules(Protocol):
    """Works out DRY params for the vocabulary, which can take a tenth of a second."""

    def rule(self, params: SamplingParams) -> RepetitionRule | None: ...


class Grammars(Protocol):
    """Compiles grammars, which can take seconds."""

    def compile(self, grammar: Grammar) -> CompiledGrammar:
        """The compiled grammar.

        Raises:
            GrammarError: if it cannot be honoured.
        """
        ...

    def known(self, grammar: Grammar) -> CompiledGrammar | None:
        """The compiled grammar if it was compiled before; takes no time.

        Raises:
            GrammarError: if it is known that it cannot be honoured.
        """
        ...


class Intake:
    """Checks and tokenizes submitted requests for a model with sequences of up to `n_ctx` tokens."""

    def __init__(self, tokenizer: Tokenizer, n_ctx: int, dry_rules: DryRules, grammars: Grammars) -> None:
        self._tokenizer = tokenizer
        self._n_ctx = n_ctx
        self._dry_rules = dry_rules
        self._grammars = grammars

    def prepare(self, owner: Hashable, submit: Submission, arrived: float) -> tuple[Request, Accepted] | Rejected:
        """A request with the answer for the case that it is queued, or the reason why there will be none.

        A prompt must leave room for one token; `max_tokens` is cut to what the context holds. `arrived` is when the
        engine heard of the request, in seconds of `time.perf_counter`.
        """
        assert isinstance(submit, Submit), "this model generates"
        try:
            return self._prepare(owner, submit, arrived)
        except WordTooLong:
            return Rejected(submit.request_id, "word_too_long", limit=MAX_WORD_CHARS)

    def _prepare(self, owner: Hashable, submit: Submit, arrived: float) -> tuple[Request, Accepted] | Rejected:
        if rejected := self._problem(submit):
            return rejected
        prompt = self._tokenizer.tokenize(submit.pieces) if submit.token_ids is None else submit.token_ids
        if not prompt:
            return Rejected(submit.request_id, "empty_prompt")
        if len(prompt) >= self._n_ctx:
            return Rejected(submit.request_id, "context_length_exceeded", len(prompt), self._n_ctx)
        text = self._tokenizer.text(prompt) if submit.wants_prompt_text else None
        first = self._tokenizer.token_bytes(prompt[0]) if submit.wants_prompt_logprobs else b""
        try:
            request = self._request(owner, submit, prompt, arrived)
        except GrammarError as error:
            return Rejected(submit.request_id, "invalid_grammar", message=str(error))
        return request, Accepted(submit.request_id, len(prompt), text, first)

    def _problem(self, submit: Submit) -> Rejected | None:
        """The reason to reject a request that shows without tokenizing all of it; None if there is none."""
        num_token_ids = len(submit.token_ids or ())
        if num_token_ids >= self._n_ctx:
            return Rejected(submit.request_id, "context_length_exceeded", num_token_ids, self._n_ctx)
        n_vocab = self._tokenizer.num_tokens
        if not all(0 <= token < n_vocab for token in submit.token_ids or ()):
            return Rejected(submit.request_id, "invalid_token", limit=n_vocab)
        if not all(0 <= token < n_vocab for token in submit.sampling.logit_bias):
            return Rejected(submit.request_id, "invalid_logit_bias", limit=n_vocab)
        about = num_tokens_if_hopeless(submit.pieces, self._n_ctx, self._tokenizer.tokenize)
        if about is not None:
            return Rejected(submit.request_id, "context_length_exceeded", about, self._n_ctx, is_estimate=True)
        return None

    def answer(self, question: Question) -> Tokens | Rejected:
        """The vocabulary's answer."""
        return answer(question, self._tokenizer)

    def has_slow_part(self, submit: Submission, request: Request) -> bool:
        """Whether the request has a new grammar, which must be compiled."""
        return isinstance(submit, Submit) and submit.grammar is not None and request.grammar is None

    def prepare_slow_part(self, submit: Submission, request: Request) -> Request | Rejected:
        """The request with its grammar, or the reason why that cannot be honoured."""
        assert isinstance(submit, Submit)
        assert submit.grammar is not None
        try:
            return dataclasses.replace(request, grammar=self._grammars.compile(submit.grammar))
        except GrammarError as error:
            return Rejected(request.request_id, "invalid_grammar", message=str(error))

    def _request(self, owner: Hashable, submit: Submit, prompt: list[int], arrived: float) -> Request:
        room = self._n_ctx - len(prompt)
        return Request(
            owner=owner,
            request_id=submit.request_id,
            prompt=prompt,
            max_tokens=room if submit.max_tokens is None else min(submit.max_tokens, room),
            sampling=submit.sampling,
            num_choices=submit.num_choices,
            stop=tuple(submit.stop),
            thoughts=submit.thoughts,
            ignore_eos=submit.ignore_eos,
            grammar=None if submit.grammar is None else self._grammars.known(submit.grammar),
            dry_rule=self._dry_rules.rule(submit.sampling),
            num_top_logprobs=submit.num_top_logprobs,
            wants_prompt_logprobs=submit.wants_prompt_logprobs,
            queue_key=submit.queue_key,
            cache_scope=submit.cache_scope,
            cache_policy=submit.cache_policy,
            shown_tokens=self._tokenizer.shown_tokens(submit.shown_control_tokens),
            arrived=arrived,
        )
