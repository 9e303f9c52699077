"""Turns a grammar's source into something that sequences can follow, through llguidance and within its limits.

llguidance releases the interpreter lock while it compiles. The time and memory of that are not bounded here, see
`grammar.trial`. This module does not know who asks, or what follows a grammar.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.gbnf_to_lark import any_to_lark

from server.engine.affinity import Thread
from server.engine.grammar.constraint import Constraint, empty_mask, fill
from server.protocol.values import Grammar

logger = logging.getLogger(__name__)

STACK_BYTES = 1 << 28
"""Bytes of stack for compiling: llguidance follows nested references by recursion. Only used parts take memory."""

WHITE_SPACE = r"( |\n[ \t]{0,20})"
"""Regex of the white space between the tokens of JSON: enough for any usual layout, and never endless."""

LIMITS = LLParserLimits(
    initial_lexer_fuel=1_000_000,
    step_lexer_fuel=100_000,
    step_max_items=5_000,
    max_lexer_states=20_000,
    max_grammar_size=200_000,
    verbose_errors=False,
)

NUM_REHEARSED_TOKENS = 24
"""Tokens of a rehearsal. A grammar that is too much for the limits usually shows it within few tokens."""

_stack_size_lock = threading.Lock()

T = TypeVar("T")


class GrammarError(Exception):
    """The grammar cannot be honoured; the message says why, for the client."""


class MatcherGrammar:
    """A grammar as llguidance compiled it; implements `constraint.CompiledGrammar`."""

    def __init__(self, matcher: LLMatcher, n_vocab: int) -> None:
        """Work out the first mask.

        Raises:
            GrammarError: if there is no first token.
        """
        self._matcher = matcher
        self._n_vocab = n_vocab
        self._first = empty_mask(n_vocab)
        fill(self._first, matcher)
        if matcher.is_error():
            raise GrammarError("there is nothing that it allows: it never ends")

    def constraint(self) -> Constraint:
        return Constraint(self._matcher.deep_copy(), self._first, self._n_vocab)

    def rehearse(self, seed: int) -> str:
        """Take some tokens at random. Returns the reason why that cannot go on; empty if it can."""
        choose, mask, matcher = random.Random(seed).choice, self._first.copy(), self._matcher.deep_copy()
        for _ in range(NUM_REHEARSED_TOKENS):
            allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), count=self._n_vocab, bitorder="little"))
            matcher.consume_token(int(choose(allowed)))
            if matcher.is_stopped() and not matcher.is_error():
                break
            fill(mask, matcher)
            if matcher.is_error():
                return f"it could not be followed: {matcher.get_error()}"
        return ""


def compile_grammar(tokenizer: LLTokenizer, grammar: Grammar) -> MatcherGrammar | GrammarError:
    """The compiled grammar, or what is wrong with it. Waits for a thread with a stack that is deep enough."""

    def work() -> MatcherGrammar | GrammarError:
        try:
            return _compile(tokenizer, grammar)
        except GrammarError as error:
            return error
        except BaseException as error:  # a panic in llguidance is no Exception, and must not cost the engine
            logger.exception("a grammar cannot be compiled")
            return GrammarError(str(error) or type(error).__name__)

    return on_deep_stack(work)


def on_deep_stack(work: Callable[[], T]) -> T:
    """The result of `work`, which raises nothing, from a new thread with a large stack."""
    results: list[T] = []
    with _stack_size_lock:
        usual = threading.stack_size(STACK_BYTES)
        try:
            thread = Thread(target=lambda: results.append(work()), daemon=True, name="compiler")
            thread.start()
        finally:
            threading.stack_size(usual)
    thread.join()
    return results[0]


def _compile(tokenizer: LLTokenizer, grammar: Grammar) -> MatcherGrammar | GrammarError:
    try:
        source = _guidance_source(grammar)
    except Exception as error:  # noqa: BLE001  # the converter of GBNF raises whatever it stumbles over
        return GrammarError(str(error) or type(error).__name__)
    matcher = LLMatcher(tokenizer, source, log_level=0, limits=LIMITS)
    if matcher.is_error():
        return GrammarError(matcher.get_error())
    return MatcherGrammar(matcher, tokenizer.vocab_size)


def _guidance_source(grammar: Grammar) -> str:
    """The grammar in llguidance's own form."""
    match grammar.syntax:
        case "json_schema":
            return LLMatcher.grammar_from_json_schema(
                json.loads(grammar.source), overrides={"whitespace_pattern": WHITE_SPACE}
            )
        case "regex":
            return LLMatcher.grammar_from_regex(grammar.source)
        case "gbnf":
            return LLMatcher.grammar_from_lark(any_to_lark(grammar.source))
        case "lark":
            return LLMatcher.grammar_from_lark(grammar.source)
