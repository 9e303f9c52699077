"""What a family of models is asked: whether a template is its, how its calls are parsed, and how they are forced.

A family knows one format of tool calls. It does not know HTTP, the engine, or how the model was asked to call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from server.chat.parser import OutputParser
from server.chat.tools import Tool
from server.protocol.values import Thoughts

Mark = Callable[[str], str]
"""A marker as llguidance's Lark writes it: `<[128010]>` where the model has a control token of that spelling, else a
quoted string. Only families whose markers may be control tokens need to know the difference, and need not care."""


class ToolFamily(Protocol):
    """One format. Families have no state: one object serves every request; parsers are made for each choice."""

    @property
    def name(self) -> str:
        """As `GET /v1/models` and logs call it: "hermes", "mistral", ..."""
        ...

    @property
    def markers(self) -> tuple[str, ...]:
        """Spellings that the parser looks for and that may be control tokens: the engine writes these out.

        Spellings that the model does not have, or has as ordinary tokens, do no harm; EOG tokens never show.
        """
        ...

    @property
    def call_starts(self) -> tuple[str, ...]:
        """Texts with which calls begin and which occur in no other text.

        Empty where a call is told by the first character of the whole output (bare JSON): then an output calls from
        its beginning, or not at all.
        """
        ...

    @property
    def owns_reasoning(self) -> bool:
        """Whether reasoning and calls are parts of one format (channels), not just the one in front of the other.

        The parser is a `ReasoningParser` then and is used without tools, too; `grammar` lets reasoning go first. All
        other families get the text behind the reasoning.
        """
        ...

    def recognizes(self, template_source: str) -> bool:
        """Whether a chat template teaches this format."""
        ...

    def parser(self, tools: Sequence[Tool]) -> OutputParser:
        """For one choice. A call of a function that is not among `tools` is `ContentText`, as it was written."""
        ...

    def grammar(self, tools: Sequence[Tool], parallel: bool, mark: Mark) -> str:
        """Rules of llguidance's Lark, one of them `tool_calls`: one call of one of `tools`, or if `parallel` several.

        The rule begins with the first character of the first call and ends with what the model writes last, an EOG
        token not included; the end of the whole grammar is where the caller puts it. All other rules and terminals
        begin with `tool_` or `TOOL_`, so that the caller's cannot collide. `tools` is never empty. Arguments are
        `%json` of `call_schema`'s schemas (`server.chat.calls.schema`) or, where the format is not JSON, as close
        to that as Lark can be.
        """
        ...


@runtime_checkable
class ChannelFamily(ToolFamily, Protocol):
    """One that owns the reasoning: an answer, too, has something in front of it."""

    @property
    def thoughts(self) -> Thoughts:
        """What is around all that is neither content nor a call's arguments, headers included."""
        ...

    def before_answer(self, mark: Mark) -> str:
        """Rules, one of them `tool_before_answer`: all up to the content, with reasoning or without; others begin with
        `tool_before_` or `TOOL_BEFORE_`."""
        ...


@runtime_checkable
class SectionedFamily(ChannelFamily, Protocol):
    """One whose prompts end inside of a channel, and not always of the same, so that the output begins there."""

    def behind(self, prompt: str, is_answering: bool) -> ChannelFamily:
        """The format as it goes on behind this prompt; if `is_answering`, that ends with the beginning of a content."""
        ...

    def behind_answer(self, mark: Mark) -> str:
        """Rules, one of them `tool_behind_answer`: all that may follow a content, with calls or without; they may use
        the rules of `grammar`, and others begin with `tool_behind_`."""
        ...


class PromptedFamily(ToolFamily, Protocol):
    """A format for templates that show neither tools, calls nor results: all three are written into messages' texts."""

    def instructions(self, tools: Sequence[Tool], parallel: bool) -> str:
        """What the model has to be told of the tools and of how to call them; goes into the system message."""
        ...

    def written_calls(self, calls: Sequence[tuple[str, str]]) -> str:
        """Earlier calls, each a name and its arguments as JSON text, as the model would have written them."""
        ...

    def written_result(self, name: str | None, result: str) -> str:
        """What a tool answered, as text of a user's message."""
        ...
