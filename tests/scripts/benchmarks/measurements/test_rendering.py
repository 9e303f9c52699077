"""scripts/bench templates: how two prompts are judged, and the conversations that they are made of."""

from __future__ import annotations

import pytest

from scripts.benchmarks.asking.histories import HISTORIES, WORDS
from scripts.benchmarks.measurements.rendering import SAME, Pair, Refusal, grouped, our_prompt, verdict
from server.chat.template.template import FALLBACK_SOURCE, ChatTemplate

KINDS = {"instructions": ["Aardvark"], "texts": ["Flamingo", "Jackal"]}
REFUSAL = Refusal("No.")


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("Aardvark Flamingo Jackal", "Aardvark Flamingo Jackal", SAME),
        ("Flamingo Jackal", "Flamingo Jackal", SAME),
        ("Aardvark Flamingo Jackal", "Aardvark Flamingo", "llama-server loses texts"),
        ("Flamingo", "Aardvark Flamingo Jackal", "Parley loses instructions, Parley loses texts"),
        ("Flamingo Jackal", "Flamingo Jackal.", "other words"),
        ("Aardvark Flamingo\n\nJackal", "Aardvark Flamingo Jackal", "white space"),
        ("Aardvark Flamingo Jackal", "Aardvark Jackal Flamingo", "another order"),
    ],
)
def test_prompts_are_the_same_or_it_is_said_why_not(ours: str, theirs: str, expected: str) -> None:
    assert verdict(ours, theirs, KINDS) == expected


def test_who_refuses_is_told_and_the_most_frequent_comes_first() -> None:
    pairs = [
        Pair("a", "question", "Flamingo", REFUSAL),
        Pair("a", "turns", REFUSAL, "Flamingo"),
        Pair("b", "turns", REFUSAL, REFUSAL),
        Pair("b", "question", "Flamingo", REFUSAL),
    ]
    groups = grouped(pairs)
    assert {each: len(group) for each, group in groups.items()} == {
        "llama-server refuses": 2,
        "Parley refuses": 1,
        "both refuse": 1,
    }
    assert next(iter(groups)) == "llama-server refuses"


def test_every_word_stands_in_some_conversation_and_our_prompts_hold_their_words() -> None:
    used = {word for history in HISTORIES.values() for words in history.words.values() for word in words}
    assert used == {word for words in WORDS.values() for word in words}
    template = ChatTemplate(FALLBACK_SOURCE, "", "", ())
    for history in HISTORIES.values():
        prompt = our_prompt(template, history)
        shown = [word for kind, words in history.words.items() if kind != "thoughts" for word in words]
        assert [word for word in shown if word not in str(prompt)] == []
