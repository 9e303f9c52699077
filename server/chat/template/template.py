"""A model's chat template: from messages to the prompt, in pieces for the tokenizer.

It knows roles and what templates expect of messages. It does not know HTTP, nor who the client is, nor the tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any

import jinja2

from server.chat.calls.family import ToolFamily
from server.chat.families.detection import detect
from server.chat.reasoning import ThinkTags, find_think_tags, reasoning_key
from server.chat.template.bounds import Budget
from server.chat.template.capabilities import Capabilities, find_capabilities, wants_parts
from server.chat.template.conversation import Audience, Message, as_shown
from server.chat.template.environment import BUDGET, FILENAME, TemplateEnvironment
from server.chat.template.errors import MessagesRefused, TemplateBroken, TemplateError
from server.chat.template.given import given
from server.chat.template.special_tokens import ControlSpellings, holds_marks
from server.chat.template.text import TemplateText, plain
from server.protocol.values import TextPiece

__all__ = ["FALLBACK_SOURCE", "ChatTemplate", "MessagesRefused", "TemplateBroken", "TemplateError"]

FALLBACK_SOURCE = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}
"""
"""ChatML: what llama.cpp's server, too, takes for a model that brings no template."""

_RESERVED = frozenset(["messages", "tools", "add_generation_prompt", "bos_token", "eos_token"])
"""Variables that arguments for the template cannot set; nor can they replace its functions."""


class ChatTemplate:
    """A compiled chat template. Rendering changes nothing in it, so that one serves all requests to its model."""

    def __init__(self, source: str | None, bos_token: str, eos_token: str, control_spellings: Sequence[str]) -> None:
        """`source` is None for a model without a template: it gets ChatML, and `is_fallback` is true.

        Raises TemplateBroken for a template that cannot be compiled.
        """
        self.is_fallback = source is None
        source = FALLBACK_SOURCE if source is None else source
        self._spellings = ControlSpellings(control_spellings)
        self._environment = TemplateEnvironment(self._spellings)
        own_text = self._environment.own_text
        self._tokens = {"bos_token": own_text(bos_token), "eos_token": own_text(eos_token)}
        self._audience = Audience(
            "developer" in source,
            lambda: self._capabilities,
            own_text,
            reasoning_key(source),
            lambda: self.think_tags,
            lambda: self._wants_parts,
        )
        self._template = self._compiled(source)
        self.source = source

    @cached_property
    def think_tags(self) -> ThinkTags | None:
        """What the model writes its reasoning between, if it reasons."""
        return find_think_tags(self.source, self._show_reasoning)

    @cached_property
    def tool_family(self) -> ToolFamily:
        """In which format the model calls tools."""
        return detect(self.source)

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        template_kwargs: Mapping[str, Any] = {},
    ) -> list[TextPiece]:
        """The prompt. `messages` and `tools` are as in the OpenAI API, with contents joined to strings.

        It is one piece, the very text that transformers would give, unless somebody else's text in it spells a control
        token. A new turn begins even after a last message of the assistant, as with OpenAI. Raises MessagesRefused
        where the template refuses the messages, TemplateBroken where it fails by itself.
        """
        self._check(template_kwargs)
        shown = as_shown(messages, self._audience)
        if holds_marks([[*map(_others_text, shown)], tools, template_kwargs]):
            raise MessagesRefused("A text in the messages, tools or template arguments holds half of a surrogate pair.")
        prompt = self._run({**template_kwargs, "tools": tools or None}, shown, add_generation_prompt)
        return self._spellings.pieces(plain(prompt), str(prompt))

    def _run(
        self, variables: Mapping[str, Any], messages: Sequence[Message], add_generation_prompt: bool = True
    ) -> str:
        """The whole prompt, a TemplateText where anything in it is marked."""
        values = {
            "documents": None,
            **variables,
            **self._tokens,
            "messages": messages,
            "add_generation_prompt": add_generation_prompt,
        }
        try:
            return self._template.render({**given(values), BUDGET: Budget()})
        except MessagesRefused:
            raise
        except Exception as error:
            # A template can raise whatever Python can.
            raise self._broken(error, _line_of(error.__traceback__)) from error

    def _compiled(self, source: str) -> jinja2.Template:
        try:
            code = self._environment.compile_marked(source)
        except Exception as error:
            # Mostly jinja2's, which know their line; Python has limits of its own, on nesting for instance.
            raise self._broken(error, getattr(error, "lineno", None)) from error
        return jinja2.Template.from_code(self._environment, code, self._environment.make_globals(None))

    def _broken(self, error: Exception, line: int | None) -> TemplateBroken:
        reason = str(error) if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"
        return TemplateBroken(self._spellings.unmark(reason), line)

    def _check(self, template_kwargs: Mapping[str, Any]) -> None:
        reserved = (_RESERVED | self._environment.globals.keys()).intersection(template_kwargs)
        if reserved:
            raise MessagesRefused(f"The chat template's arguments cannot set {', '.join(sorted(reserved))}.")

    def _show_reasoning(self, reasoning: str, content: str) -> str:
        answer = {"role": "assistant", "reasoning_content": reasoning, "content": content}
        try:
            return plain(self._run({"tools": None}, [{"role": "user", "content": "Hello"}, answer], False))
        except TemplateError:
            return ""

    @cached_property
    def _capabilities(self) -> Capabilities:
        return find_capabilities(self._tried)

    @cached_property
    def _wants_parts(self) -> bool:
        return wants_parts(self._tried)

    def _tried(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
        return self._run({"tools": tools or None}, messages)


def _others_text(message: Message) -> Message:
    """Everything in a message that does not count as the template's own."""
    return {key: value for key, value in message.items() if not isinstance(value, TemplateText)}


def _line_of(traceback: TracebackType | None) -> int | None:
    """The innermost line of the template that a failure went through."""
    line = None
    while traceback:
        if traceback.tb_frame.f_code.co_filename == FILENAME:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
