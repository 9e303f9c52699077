"""Chat templates of real models take whatever clients send and Parley stores, and show all of it, in order."""

from __future__ import annotations

from server.chat.prompted_tools import render_chat
from server.chat.template.template import ChatTemplate, TemplateError
from server.chat.tools import NO_TOOLS, Tool, ToolUse
from tests.chat.chat_templates import text_of
from tests.chat.published_templates import compiled, sources
from tests.chat.template.histories import History, random_history

NUM_HISTORIES = 25
USE = ToolUse((Tool("probe", {"type": "object", "properties": {"x": {"type": "string"}}}),))
"""Without a description."""

DROPS_TEXT_BESIDE_CALLS = ("openai-gpt-oss-120b",)
"""Templates that show what was said beside a call until the answer is there, as thoughts."""
INSTRUCTIONS_ARE_LAST = ("mistralai-Mistral-Nemo-Instruct-2407",)
"""Templates that show instructions in the last message of the user, if that is the last of all."""


def lost(template: ChatTemplate, name: str, history: History, use: ToolUse) -> list[str]:
    """What the prompt lacks, or has elsewhere."""
    text = text_of(render_chat(template, history.messages, use))
    lost = [] if name in DROPS_TEXT_BESIDE_CALLS else [word for word in history.beside_calls if word not in text]
    if name not in INSTRUCTIONS_ARE_LAST:
        lost += [word for word in history.leading if word not in text]
    places = [text.find(word) for word in history.ordered]
    lost += [word for word, place in zip(history.ordered, places, strict=True) if place < 0]
    return lost + (["the order"] if places != sorted(places) else [])


def failures(name: str, source: str, use: ToolUse) -> list[str]:
    template = compiled(source)
    failed = []
    for seed in range(NUM_HISTORIES):
        history = random_history(seed)
        try:
            missing = lost(template, name, history, use)
        except TemplateError as error:
            failed.append(f"{name}, history {seed}: {error}")
        else:
            failed += [f"{name}, history {seed}: lost {missing}"] if missing else []
    return failed


def test_every_text_of_every_history_is_in_the_prompt_in_order() -> None:
    assert [line for name, source in sources().items() for line in failures(name, source, NO_TOOLS)] == []


def test_so_it_is_with_tools_that_are_not_described() -> None:
    assert [line for name, source in sources().items() for line in failures(name, source, USE)] == []


def test_there_are_many_published_templates() -> None:
    assert len(sources()) > 60
