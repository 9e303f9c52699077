"""Grammars that requests bring: compiled once, and only if they did no harm in a trial.

Compiling takes from half a millisecond to seconds, so it is done off the engine's thread. A new grammar is first
compiled in a process of its own, see `grammar.trial`. It does not know who asks, or what follows a grammar.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from functools import cached_property
from typing import Protocol

from llguidance import LLTokenizer

from server.engine.grammar.alphabet import Alphabet
from server.engine.grammar.guidance import GrammarError, MatcherGrammar, compile_grammar
from server.engine.grammar.trial import SPECIAL_MARK, GrammarTrial, GrammarUntried
from server.protocol.values import Grammar

MAX_SOURCE_BYTES = 1 << 18
"""Longest source of a grammar in UTF-8."""

MAX_CACHED = 64
"""Most grammars that are kept, the last used ones; applications use few of them, again and again."""
MAX_CACHED_CHARACTERS = 1 << 20
"""Most characters of the kept grammars' sources together. A compiled grammar takes up to 400 times its source's
bytes."""


class GuidedVocabulary(Protocol):
    """The part of a vocabulary that compiling needs."""

    @property
    def eog_tokens(self) -> Collection[int]: ...
    def guidance_pieces(self) -> list[bytes]: ...
    def guidance_tokenizer(self) -> LLTokenizer: ...


class GrammarCompiler:
    """Compiles for one vocabulary. Thread-safe."""

    def __init__(self, vocabulary: GuidedVocabulary) -> None:
        self._vocabulary = vocabulary
        self._cache: OrderedDict[Grammar, MatcherGrammar | GrammarError] = OrderedDict()
        self._lock = threading.Lock()
        self._trial = GrammarTrial(vocabulary.guidance_pieces, vocabulary.eog_tokens)

    def close(self) -> None:
        """End the process of trials; the next trial would start another."""
        self._trial.close()

    def compile(self, grammar: Grammar) -> MatcherGrammar:
        """The compiled grammar, tried and compiled now if it is new.

        Raises:
            GrammarError: if the grammar is wrong, or too large or too slow to follow.
        """
        if len(grammar.source.encode()) > MAX_SOURCE_BYTES:
            raise GrammarError(f"it is longer than {MAX_SOURCE_BYTES} bytes")
        return self.known(grammar) or self._remember(grammar, self._compile(grammar))

    def known(self, grammar: Grammar) -> MatcherGrammar | None:
        """The compiled grammar if it was compiled before and is still kept; takes no time.

        Raises:
            GrammarError: if the grammar is known to be bad.
        """
        with self._lock:
            known = self._cache.get(grammar)
        return None if known is None else self._remember(grammar, known)

    def _remember(self, grammar: Grammar, known: MatcherGrammar | GrammarError) -> MatcherGrammar:
        with self._lock:
            self._cache[grammar] = known
            self._cache.move_to_end(grammar)
            self._forget()
        if isinstance(known, GrammarError):
            raise known
        return known

    def _forget(self) -> None:
        num_characters = sum(len(grammar.source) for grammar in self._cache)
        while len(self._cache) > MAX_CACHED or num_characters > MAX_CACHED_CHARACTERS:
            forgotten, _ = self._cache.popitem(last=False)
            num_characters -= len(forgotten.source)

    def _compile(self, grammar: Grammar) -> MatcherGrammar | GrammarError:
        try:
            complaint = self._alphabet.complaint(grammar) or self._trial.complaint(grammar)
        except GrammarUntried as error:  # not the grammar's fault, so it is not remembered
            raise GrammarError(str(error)) from error
        return GrammarError(complaint) if complaint else compile_grammar(self._tokenizer, grammar)

    @cached_property
    def _alphabet(self) -> Alphabet:
        pieces = self._vocabulary.guidance_pieces()
        return Alphabet(piece for piece in pieces if not piece.startswith(SPECIAL_MARK))

    @cached_property
    def _tokenizer(self) -> LLTokenizer:
        """llguidance's tokenizer, made when first needed: a tenth of a second for 49,152 tokens, and most engines never
        do."""
        return self._vocabulary.guidance_tokenizer()
