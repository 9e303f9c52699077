"""Whether llguidance takes a small schema: it is asked, within bounds that take a millisecond or two.

It does not know which schemas are worth asking about.
"""

from __future__ import annotations

from functools import lru_cache

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

MAX_LENGTH = 1 << 12
"""Characters of a schema, as JSON, about which there is an answer."""
NUM_KEPT = 1 << 14
"""Most answers that are kept; clients send the same schemas with every request."""

LIMITS = LLParserLimits(initial_lexer_fuel=100_000, step_lexer_fuel=10_000, max_grammar_size=20_000)


@lru_cache(NUM_KEPT)
def complaint(schema: str) -> str:
    """What llguidance has against a schema, which is given as JSON; empty if it takes it, or if that is not known."""
    if len(schema) > MAX_LENGTH:
        return ""
    return LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(schema), _bytes(), limits=LIMITS)


@lru_cache(1)
def _bytes() -> LLTokenizer:
    """A vocabulary, which a trial must have."""
    return LLTokenizer("byte")
