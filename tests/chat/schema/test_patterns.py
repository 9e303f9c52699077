"""Patterns are translated so that they match what they matched, or refused in the client's words."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from server.chat.schema.patterns import MAX_LENGTH, PatternRefused, translated

BYTES = LLTokenizer("byte")


def matches(pattern: str, text: str) -> bool:
    """Whether llguidance would let the text be written as JSON."""
    grammar = LLMatcher.grammar_from_json_schema({"type": "string", "pattern": pattern})
    matcher = LLMatcher(BYTES, grammar, log_level=0)
    tokens = list(json.dumps(text, ensure_ascii=False).encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[[a]$", "[", "b"),
        ("^[a&&b]$", "&", "&&"),
        ("^[a~~-]$", "-", "b"),
        ("^[]a]+$", "]a]", "b"),
        ("^[^]a]$", "b", "]"),
        (r"^[\w-.]+$", "a-.", "+"),
        (r"^[+\-]$", "-", ","),
        ("^[+--]$", ",", "."),
        (r"^[\b]$", "\b", "b"),
        (r"^[^\[\]]+$", "ab", "[a"),
        (r"^[\]a-c^]+$", "b]^", "d"),
        ("^[[:alpha:]]$", "a]", "b"),
        ("^{{x}}$", "{{x}}", "x"),
        ("^{x}]$", "{x}]", "x"),
        ("^a{,3}$", "aaa", "aaaa"),
        ("^a{2}b{1,}c{1,2}$", "aabcc", "abc"),
        ("^a{x}$", "a{x}", "a"),
        (r"\Aab\Z", "ab", "abc"),
        (r"\Aab\z", "ab", "xab"),
        ("^a(?# any number )+$", "aa", "b"),
        ("^(?P<one>a)(?<two>b)$", "ab", "a"),
        ("^(?i:a)b$", "Ab", "AB"),
        (r"^\/\-\"\ \<\%$", '/-" <%', "/"),
        (r"^\cA\0\x41\u0042\u{43}$", "\x01\x00ABC", "ABC"),
        (r"^\ud83d\ude00$", "\U0001f600", "a"),
        (r"^[\ud83d\ude00-\ud83d\ude02]$", "\U0001f601", "\U0001f603"),
        (r"^\p{Lu}[\p{Ll}-]*$", "\u00c9t-", "t"),
        (r"^a\\$", "a\\", "a"),
        ("^a$|^b$", "b", "ab"),
        (r"^\d$", "7", "\u0663"),
        ("^.$", "\u00e9", "\n"),
        ("b", "abc", "ac"),
    ],
)
def test_a_pattern_matches_what_it_is_meant_to(pattern: str, good: str, bad: str) -> None:
    assert matches(translated(pattern), good)
    assert not matches(translated(pattern), bad)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a(?=b)", "looking ahead"),
        ("(?!a)", "looking ahead"),
        ("(?<=a)b", "behind"),
        ("(?<!a)b", "behind"),
        ("(?>a)", "beyond"),
        ("a++b", "possessive"),
        ("a{2}+", "possessive"),
        (r"(a)\1", "references back"),
        (r"(?P<x>a)(?P=x)", "references back"),
        (r"(?<x>a)\k<x>", "references back"),
        (r"\bword\b", "word boundaries"),
        (r"[a\012]", "differently"),
        ("(", "unclosed group"),
        ("[a", "unclosed character class"),
        ("*a", "missing expression"),
        ("a{3,1}", "repetition count"),
        ("[b-a]", "range"),
        (r"\q", "escape sequence"),
        (r"\ud83d", "scalar value"),
        ("a\\", "last backslash"),
        (r"^[^\s\S]$", "no text"),
        ("(" * 400 + ")" * 400, "nest"),
        ("a" * (MAX_LENGTH + 1), "longer"),
    ],
)
def test_what_no_grammar_follows_is_refused_without_the_pattern(pattern: str, reason: str) -> None:
    with pytest.raises(PatternRefused, match=reason) as refused:
        translated(pattern)
    assert len(str(refused.value)) < 120


PIECES = st.sampled_from(
    [
        *("a", "b", "-", "^", "[", "]", "{", "}", ".", ",", ":", "&", "~", "/", "*", "+", "?", "|", ")"),
        *("{,2}", "{1,2}", "{2}", "(?:", "(?#c)", "[a", "[^", "[[", "[a-c]", r"[\w-]", "&&", "--", "~~"),
        *(r"\d", r"\w", r"\-", r"\]", r"\[", r"\{", r"\."),
    ]
)
TEXTS = st.text(st.sampled_from("ab-^[]{}.,:&~/01"), max_size=4)


@pytest.mark.filterwarnings("ignore:Possible (nested|set):FutureWarning")
@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(PIECES, min_size=1, max_size=6), texts=st.lists(TEXTS, min_size=4, max_size=8))
def test_whatever_is_translated_matches_what_python_matches(pieces: list[str], texts: list[str]) -> None:
    pattern = f"^(?:{''.join(pieces)})$"
    try:
        spelled, compiled = translated(pattern), re.compile(pattern)
    except (PatternRefused, re.error):
        return
    for text in texts:
        assert matches(spelled, text) == bool(compiled.fullmatch(text)), (pattern, spelled, text)
