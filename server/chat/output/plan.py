"""How one request's output is asked of the engine and read: grammar, control tokens that must show, parser.

    pieces = render_chat(template, messages, use)       # server.chat.prompted_tools
    plan = plan_output(template, pieces, use=use, marker_ids=card.marker_ids)
    plan.grammar, plan.shown_control_tokens             # for the engine
    parser = plan.make_parser()                         # one for each choice
    parts = parser.feed(text), parser.finish()

A call that is demanded is guaranteed, by a grammar; where the model may choose, what it writes is parsed, and there is
a grammar only where more is promised (strict functions, no parallel calls) or where the format was taught by words
alone. It does not know HTTP, requests, the engine or how answers are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.answers.parts import ContentText, OutputPart, ReasoningText
from server.chat.calls.family import ChannelFamily, SectionedFamily, ToolFamily
from server.chat.families.detection import GENERIC
from server.chat.output.grammar import Reasoning, answer_grammar, call_grammar, mark_with
from server.chat.parser import MakeParser, OutputParser
from server.chat.reasoning import ReasoningSplitter
from server.chat.template.template import ChatTemplate
from server.chat.tools import NO_TOOLS, ToolUse
from server.protocol.values import Grammar, TextPiece, Thoughts


class PlainText:
    """Implements `OutputParser` for text that is content as it comes."""

    def feed(self, text: str) -> list[OutputPart]:
        return [ContentText(text)] if text else []

    def finish(self) -> list[OutputPart]:
        return []


class Unseparated:
    """Implements `OutputParser` over one that tells reasoning apart where that is not wanted: it becomes content."""

    def __init__(self, parser: OutputParser) -> None:
        self._parser = parser

    def feed(self, text: str) -> list[OutputPart]:
        return list(map(_unseparated, self._parser.feed(text)))

    def finish(self) -> list[OutputPart]:
        return list(map(_unseparated, self._parser.finish()))


def _unseparated(part: OutputPart) -> OutputPart:
    return ContentText(part.text) if isinstance(part, ReasoningText) else part


@dataclass(frozen=True)
class OutputPlan:
    """What `plan_output` decided."""

    make_parser: MakeParser = PlainText
    shown_control_tokens: tuple[str, ...] = ()
    grammar: Grammar | None = None
    thoughts: Thoughts | None = None
    """What is around thoughts that are told apart; None if there are none."""

    @property
    def is_plain(self) -> bool:
        """Whether all text is content, so that nothing has to read it."""
        return self.make_parser is PlainText


def plan_output(
    template: ChatTemplate,
    prompt: Sequence[TextPiece],
    *,
    use: ToolUse = NO_TOOLS,
    separates_reasoning: bool = True,
    answer: Grammar | None = None,
    marker_ids: Mapping[str, int] = {},
    begun: str | None = None,
) -> OutputPlan:
    """The plan for a prompt that `template` has rendered.

    Reasoning that is not separated is content, tags included. `answer` is what the content must follow; a call may
    still take its place, or must. `begun` is the content that the prompt ends with, if the output goes on with one.

    Raises:
        GrammarsClash: if `answer` is in a language that cannot be part of the grammar that is needed.
    """
    family = _behind(template.tool_family, prompt, begun)
    use = use.one_at_a_time if family is GENERIC else use
    reasoning = _reasoning(template, family, prompt, begun)
    return OutputPlan(
        _parser_maker(family, use, reasoning, separates_reasoning),
        _shown(family, use, reasoning),
        # Behind a message's header a channel's grammar, which begins with one, has no place.
        answer if begun is not None and family.owns_reasoning else _grammar(family, use, reasoning, answer, marker_ids),
        _thoughts(family, reasoning) if separates_reasoning else None,
    )


def _behind(family: ToolFamily, prompt: Sequence[TextPiece], begun: str | None) -> ToolFamily:
    """The family as it reads what follows this prompt."""
    if not isinstance(family, SectionedFamily):
        return family
    return family.behind(prompt[-1].text if prompt else "", is_answering=begun is not None)


def _reasoning(
    template: ChatTemplate, family: ToolFamily, prompt: Sequence[TextPiece], begun: str | None
) -> Reasoning | None:
    tags = None if family.owns_reasoning else template.think_tags
    if tags is None:
        return None
    if begun is not None:
        return Reasoning(tags, is_open=True) if tags.are_begun_by(begun) else None
    return Reasoning(tags, bool(prompt) and tags.is_open_in(prompt[-1].text))


def _thoughts(family: ToolFamily, reasoning: Reasoning | None) -> Thoughts | None:
    if isinstance(family, ChannelFamily):
        return family.thoughts
    return None if reasoning is None else Thoughts((reasoning.tags.start,), (reasoning.tags.end,), reasoning.is_open)


def _parser_maker(
    family: ToolFamily, use: ToolUse, reasoning: Reasoning | None, separates_reasoning: bool
) -> MakeParser:
    if family.owns_reasoning and not separates_reasoning:
        return (lambda: Unseparated(family.parser(use.tools))) if use.tools else PlainText
    if reasoning is None or not separates_reasoning:
        return (lambda: family.parser(use.tools)) if use.tools or family.owns_reasoning else PlainText
    tags, is_open = reasoning.tags, reasoning.is_open
    return lambda: ReasoningSplitter(tags, is_open, family.parser(use.tools) if use.tools else None)


def _shown(family: ToolFamily, use: ToolUse, reasoning: Reasoning | None) -> tuple[str, ...]:
    of_family = family.markers if use.tools or family.owns_reasoning else ()
    return (*of_family, *((reasoning.tags.start, reasoning.tags.end) if reasoning else ()))


def _grammar(
    family: ToolFamily,
    use: ToolUse,
    reasoning: Reasoning | None,
    answer: Grammar | None,
    marker_ids: Mapping[str, int],
) -> Grammar | None:
    mark = mark_with(marker_ids)
    if use.tools and (use.must_call or use.is_exact or answer or family is GENERIC):
        return call_grammar(family, use, mark, reasoning, answer)
    return answer_grammar(answer, family, mark, reasoning) if answer else None
