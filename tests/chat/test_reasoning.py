"""Reasoning between tags, told from the answer however the text is cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from server.answers.parts import ContentText, OutputPart, ReasoningText
from server.chat.reasoning import ReasoningSplitter, ThinkTags, find_think_tags
from tests.chat import chat_templates

TAGS = ThinkTags("<think>", "</think>")


def split(pieces: Iterable[str], is_open: bool = False) -> tuple[str, str]:
    """Reasoning and content."""
    splitter = ReasoningSplitter(TAGS, is_open)
    parts: list[OutputPart] = [part for piece in pieces for part in splitter.feed(piece)]
    parts += splitter.finish()
    assert all(isinstance(part, (ReasoningText, ContentText)) and part.text for part in parts)
    reasoning = "".join(part.text for part in parts if isinstance(part, ReasoningText))
    content = "".join(part.text for part in parts if isinstance(part, ContentText))
    kinds = [type(part) for part in parts]
    assert kinds == sorted(kinds, key=lambda kind: kind is ContentText), "reasoning comes first"
    return reasoning, content


def cuts(text: str) -> Iterator[list[str]]:
    yield [text]
    yield list(text)
    yield from ([text[:at], text[at:]] for at in range(1, len(text)))


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("<think>\nHm. 2 < 3\n</think>\n\nYes.\n", "Hm. 2 < 3", "Yes.\n"),
        ("\n<think>a</think>b", "a", "b"),
        ("<think>\n\n</think>\n\nYes", "", "Yes"),
        ("<think></think>", "", ""),
        ("<think>never ends </thi", "never ends </thi", ""),
        ("<think>cut off\n\n", "cut off", ""),
        ("<think>a\n\n b </think >c</think> d", "a\n\n b </think >c", "d"),
        ("<think>a</think>\n", "a", ""),
        ("No tags.", "", "No tags."),
        (" The tag <think> in a text.</think>", "", " The tag <think> in a text.</think>"),
        ("<thin", "", "<thin"),
        ("\n</think>\n\nYes", "", "Yes"),
        ("</thin", "", "</thin"),
        ("\n ", "", "\n "),
        ("<think>a</think>b</think>c<think>d", "a", "b</think>c<think>d"),
        ("", "", ""),
    ],
)
def test_reasoning_is_split_off_wherever_the_text_is_cut(text: str, reasoning: str, content: str) -> None:
    for pieces in cuts(text):
        assert split(pieces) == (reasoning, content), pieces


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("Hm.\n</think>\n\nYes.", "Hm.", "Yes."),
        ("\n<think>\nHm.</think>Yes.", "Hm.", "Yes."),
        ("\n</think>Yes.", "", "Yes."),
        ("</think>", "", ""),
        ("Hm, that breaks off", "Hm, that breaks off", ""),
        ("<thin", "<thin", ""),
    ],
)
def test_an_output_may_begin_inside(text: str, reasoning: str, content: str) -> None:
    for pieces in cuts(text):
        assert split(pieces, is_open=True) == (reasoning, content), pieces


def test_it_says_whether_it_is_reasoning() -> None:
    splitter = ReasoningSplitter(TAGS)
    seen = []
    for piece in ["\n", "<think>", "a", "</think>", "\n\n", "b"]:
        splitter.feed(piece)
        seen.append(splitter.is_reasoning)
    assert seen == [False, True, True, True, False, False]


@pytest.mark.parametrize(
    ("prompt", "is_open"),
    [
        ("<|im_start|>assistant\n<think>\n", True),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
        ("<|im_start|>assistant\n", False),
    ],
)
def test_the_prompt_tells_whether_the_output_begins_inside_of_reasoning(prompt: str, is_open: bool) -> None:
    assert TAGS.is_open_in(prompt) == is_open


def nothing_shown(reasoning: str, content: str) -> str:
    return content


def test_known_tags_are_found_in_the_template() -> None:
    assert find_think_tags(chat_templates.source_of("thinking"), nothing_shown) == TAGS
    assert find_think_tags("{{ '[THINK]' }}", nothing_shown) == ThinkTags("[THINK]", "[/THINK]")
    assert find_think_tags(chat_templates.source_of("chatml"), nothing_shown) is None


def test_other_tags_are_found_where_the_template_writes_them() -> None:
    def show(reasoning: str, content: str) -> str:
        return f"user\nHi\nassistant\n<|ponder|>\n{reasoning}\n<|/ponder|>\n\n{content}<|end|>"

    assert find_think_tags("", show) == ThinkTags("<|ponder|>", "<|/ponder|>")
    assert find_think_tags("", "Hi<|turn|><ponder:x>{}</ponder:x>{}".format) == ThinkTags("<ponder:x>", "</ponder:x>")
    assert find_think_tags("", lambda reasoning, content: reasoning + content) is None
