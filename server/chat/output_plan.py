"""How one request's output is asked of the engine and read: which control tokens must show, and which parser reads.

    plan = plan_output(template, pieces, separates_reasoning=True)
    make_submit(..., shown_control_tokens=plan.shown_control_tokens)
    reader = plan.reader()                  # one for each choice
    parts, logprobs = reader.read(delta)    # for each Delta of the engine
    parts, logprobs = reader.finish()       # for its Finished

Every endpoint that answers chats goes through here. It does not know HTTP, requests or how an answer is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.chat.output import ContentText, OutputParser, OutputPart
from server.chat.output_reader import MakeParser, OutputReader
from server.chat.reasoning import ReasoningSplitter
from server.chat.template import ChatTemplate
from server.engine.messages import TextPiece


class PlainText:
    """Implements `OutputParser` for text that is content as it comes."""

    def feed(self, text: str) -> list[OutputPart]:
        return [ContentText(text)] if text else []

    def finish(self) -> list[OutputPart]:
        return []


@dataclass(frozen=True)
class OutputPlan:
    """What `plan_output` decided."""

    make_parser: MakeParser = PlainText
    shown_control_tokens: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether all text is content, so that nothing has to read it."""
        return self.make_parser is PlainText

    def reader(self) -> OutputReader:
        """For one choice."""
        return OutputReader(self.make_parser())


def plan_output(template: ChatTemplate, prompt: Sequence[TextPiece], *, separates_reasoning: bool) -> OutputPlan:
    """The plan for a prompt that `template` has rendered. Reasoning that is not separated is content, tags included."""
    tags = template.think_tags
    if tags is None:
        return OutputPlan()
    if not separates_reasoning:
        return OutputPlan(shown_control_tokens=(tags.start, tags.end))
    is_open = bool(prompt) and tags.is_open_in(prompt[-1].text)

    def make_parser() -> OutputParser:
        return ReasoningSplitter(tags, is_open)

    return OutputPlan(make_parser, (tags.start, tags.end))
