"""From a grammar's source to something that sequences can follow, through llguidance: bounded, and done once.

Compiling takes from half a millisecond to what the limits here allow, so it is done off the engine's thread; llguidance
releases the interpreter lock for it. It does not know who asks, or what follows a grammar.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.gbnf_to_lark import any_to_lark

from server.engine.constraint import Constraint, ConstraintError
from server.engine.messages import Grammar

logger = logging.getLogger(__name__)

MAX_SOURCE_BYTES = 1 << 18
MAX_CACHED = 64
"""Grammars, most recently used; applications use few of them, again and again."""

MAX_SECONDS = 5.0
"""Of compiling: ordinary grammars take milliseconds."""
MAX_LATE = 2

STACK_BYTES = 1 << 28
"""For references that lead to references: llguidance follows them by recursion. Only what is used takes memory."""

WHITE_SPACE = r"( |\n[ \t]{0,20})"
"""What JSON may have between its tokens, beside nothing: enough for any usual layout, and never endless."""

LIMITS = LLParserLimits(
    initial_lexer_fuel=1_000_000,
    step_lexer_fuel=100_000,
    step_max_items=5_000,
    max_lexer_states=20_000,
    max_grammar_size=200_000,
    verbose_errors=False,
)


_stack_size_lock = threading.Lock()


class GrammarError(Exception):
    """The grammar cannot be honoured; the message says why, for the client."""


class GuidedVocabulary(Protocol):
    """What compiling needs of a vocabulary."""

    num_tokens: int

    def guidance_tokenizer(self) -> LLTokenizer: ...


class MatcherGrammar:
    """Implements `constraint.CompiledGrammar`."""

    def __init__(self, matcher: LLMatcher, n_vocab: int) -> None:
        self._matcher = matcher
        self._n_vocab = n_vocab

    def can_begin(self) -> bool:
        """Whether a first token can be found."""
        try:
            self.constraint().apply(np.zeros(self._n_vocab, dtype=np.float32))
        except ConstraintError:
            return False
        return True

    def constraint(self) -> Constraint:
        return Constraint(self._matcher.deep_copy(), self._n_vocab)


class GrammarCompiler:
    """Compiles for one vocabulary. Thread-safe."""

    def __init__(self, vocabulary: GuidedVocabulary) -> None:
        self._vocabulary = vocabulary
        self._cache: OrderedDict[Grammar, MatcherGrammar | GrammarError] = OrderedDict()
        self._lock = threading.Lock()
        self._num_late = 0
        """Compilations that go on although nobody waits for them."""

    def compile(self, grammar: Grammar) -> MatcherGrammar:
        """Raises GrammarError if the grammar is wrong, or too large or too slow to follow."""
        with self._lock:
            known = self._cache.get(grammar)
        if known is None:
            known = self._compile_in_time(grammar)
        with self._lock:
            self._cache[grammar] = known
            self._cache.move_to_end(grammar)
            if len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        if isinstance(known, GrammarError):
            raise known
        return known

    def _compile_in_time(self, grammar: Grammar) -> MatcherGrammar | GrammarError:
        """On a thread of its own, which nobody waits for after MAX_SECONDS: llguidance cannot be interrupted."""
        if self._num_late >= MAX_LATE:
            raise GrammarError("the server is busy with grammars that take too long; please retry later")
        outcome: queue.SimpleQueue[MatcherGrammar | GrammarError] = queue.SimpleQueue()
        _deep_thread(lambda: outcome.put(self._outcome(grammar)))
        try:
            return outcome.get(timeout=MAX_SECONDS)
        except queue.Empty:
            self._num_late += 1
            _deep_thread(lambda: self._outlast(outcome))
            return GrammarError(f"compiling it takes more than {MAX_SECONDS:g} seconds")

    def _outlast(self, outcome: queue.SimpleQueue[MatcherGrammar | GrammarError]) -> None:
        outcome.get()
        self._num_late -= 1

    def _outcome(self, grammar: Grammar) -> MatcherGrammar | GrammarError:
        try:
            return self._compile(grammar)
        except BaseException as error:  # a panic in llguidance is no Exception, and must not cost the engine
            logger.exception("a grammar cannot be compiled")
            return GrammarError(str(error) or type(error).__name__)

    def _compile(self, grammar: Grammar) -> MatcherGrammar | GrammarError:
        if len(grammar.source.encode()) > MAX_SOURCE_BYTES:
            return GrammarError(f"it is longer than {MAX_SOURCE_BYTES} bytes")
        try:
            source = _guidance_source(grammar)
        except Exception as error:  # noqa: BLE001  # the converter of GBNF raises whatever it stumbles over
            return GrammarError(str(error) or type(error).__name__)
        matcher = LLMatcher(self._tokenizer, source, log_level=0, limits=LIMITS)
        if matcher.is_error():
            return GrammarError(matcher.get_error())
        compiled = MatcherGrammar(matcher, self._vocabulary.num_tokens)
        return compiled if compiled.can_begin() else GrammarError("there is nothing that it allows: it never ends")

    @cached_property
    def _tokenizer(self) -> LLTokenizer:
        """Made when it is first needed: a tenth of a second for 49,152 tokens, and most engines never need it."""
        return self._vocabulary.guidance_tokenizer()


def _deep_thread(work: Callable[[], None]) -> None:
    """Run something on a new thread with a large stack."""
    with _stack_size_lock:
        usual = threading.stack_size(STACK_BYTES)
        try:
            threading.Thread(target=work, daemon=True, name="compiler").start()
        finally:
            threading.stack_size(usual)


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
