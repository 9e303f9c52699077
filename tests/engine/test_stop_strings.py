"""Stop strings end an answer, and nothing in its thoughts, however the text is cut."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.chat.families.with_reasoning.harmony import Harmony
from server.engine.stop_strings import StopStrings
from server.protocol.values import Thoughts

TAGS = Thoughts(("<think>",), ("</think>",))
OPEN = Thoughts(("<think>",), ("</think>",), are_open=True)
CHANNELS = Harmony.thoughts
ANALYSIS = "<|channel|>analysis<|message|>"
TO_USER = "<|start|>assistant<|channel|>final<|message|>"


def shown(pieces: list[str], stop: list[str], thoughts: Thoughts | None) -> tuple[str, bool]:
    """What is shown in the end, and whether a stop string ended it."""
    strings = StopStrings(stop, thoughts)
    text, held = "", ""
    for index in range(len(pieces) + 1):
        is_last = index == len(pieces)
        held += "" if is_last else pieces[index]
        seen = strings.look(held, is_last)
        text, held = text + held[: seen.num_chars], held[seen.num_chars :]
        if seen.is_stopped:
            return text, True
    assert not held
    return text, False


CASES = [
    ("<think>a STOP b</think>\n\nc STOP d", TAGS, "<think>a STOP b</think>\n\nc "),
    ("\n<think>a STOP b</think>STOP d", TAGS, "\n<think>a STOP b</think>"),
    ("a STOP b</think>\n\nc STOP d", OPEN, "a STOP b</think>\n\nc "),
    ("<think>a STOP b</think>\n\nc STOP d", OPEN, "<think>a STOP b</think>\n\nc "),
    ("c <think> STOP d", TAGS, "c <think> "),
    ("<think>a</think>b<think>STOP", TAGS, "<think>a</think>b<think>"),
    ("<thinSTOP", TAGS, "<thin"),
    ("<think>a STOP never ends </thi", TAGS, "<think>a STOP never ends </thi"),
    ("a STOP", OPEN, "a STOP"),
    ("a STOP</think>", None, "a "),
    (f"{ANALYSIS}a STOP<|end|>{TO_USER}c STOP d", CHANNELS, None),
    (f"{ANALYSIS}a STOP<|end|><|start|>assistant{ANALYSIS}STOP<|end|>{TO_USER}c STOP", CHANNELS, None),
    ("<|channel|>commentary<|message|>I STOP<|end|>", CHANNELS, "<|channel|>commentary<|message|>I "),
    ("No channel. STOP", CHANNELS, "No channel. "),
]


@pytest.mark.parametrize(("text", "thoughts", "expected"), CASES)
def test_a_stop_string_counts_outside_of_thoughts(text: str, thoughts: Thoughts | None, expected: str | None) -> None:
    expected = text[: text.rindex("STOP")] if expected is None else expected
    for size in range(1, len(text) + 1):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert shown(pieces, ["STOP", "STOPPED"], thoughts) == (expected, expected != text)


def test_white_space_around_thoughts_is_no_content_and_in_it_is() -> None:
    text = "\n<think>\n\na</think>\n\nb\n\nc"
    assert shown(list(text), ["\n\n", "\n"], TAGS) == ("\n<think>\n\na</think>\n\nb", True)
    assert shown(list("\n\nb"), ["\n\n"], TAGS) == ("", True)


@pytest.mark.parametrize("stop", ["final", "<|start|>", "<|", "assistant"])
def test_words_of_headers_stop_nothing(stop: str) -> None:
    text = f"<|channel|>analysis<|message|>a<|end|>{TO_USER}b"
    assert shown(list(text), [stop], CHANNELS) == (text, False)


@given(
    st.text("<think>/ab\n", max_size=30),
    st.sampled_from([TAGS, OPEN]),
    st.sampled_from(["a", "ab", "\n", "\n\n", "<"]),
    st.randoms(),
)
def test_any_cutting_gives_the_same(text: str, thoughts: Thoughts, stop: str, random: Random) -> None:
    text = random.choice(["", "<think>", " <think>a"]) + text + random.choice(["", "</think>ab", "</think>\n\nb\n\na"])
    cuts = sorted(random.randrange(len(text) + 1) for _ in range(random.randrange(8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert shown(pieces, [stop], thoughts) == shown([text], [stop], thoughts)
