"""A model's chat template: from messages to the prompt, in pieces for the tokenizer.

It knows roles and what templates expect of messages. It does not know HTTP, nor who the client is, nor the tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any

import jinja2

from server.chat.calls.family import ChannelFamily, ToolFamily
from server.chat.families.detection import GENERIC, detect
from server.chat.reasoning import ThinkTags, find_think_tags
from server.chat.template.bounds import LimitExceeded, begin
from server.chat.template.conversation import Message
from server.chat.template.environment import BUDGET, FILENAME, TemplateEnvironment
from server.chat.template.errors import MessagesRefused, TemplateBroken, TemplateError
from server.chat.template.given import given
from server.chat.template.learned import Learned
from server.chat.template.special_tokens import ControlSpellings, holds_marks
from server.chat.template.text import TemplateText, plain
from server.chat.template.variables import dates, effort_name, efforts_like, nothing, tool_variables, with_thinking
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

    def __init__(
        self,
        source: str | None,
        bos_token: str,
        eos_token: str,
        control_spellings: Sequence[str],
        enable_thinking: bool | None = None,
    ) -> None:
        """`source` is None for a model without a template: it gets ChatML, and `is_fallback` is true.

        `enable_thinking` is for requests that do not say it; None leaves it to the template.

        Raises TemplateBroken for a template that cannot be compiled.
        """
        self.is_fallback = source is None
        source = FALLBACK_SOURCE if source is None else source
        self._spellings = ControlSpellings(control_spellings)
        self._environment = TemplateEnvironment(self._spellings)
        own_text = self._environment.own_text
        self._tokens = {"bos_token": own_text(bos_token), "eos_token": own_text(eos_token)}
        self._learned = Learned(source, self._tried, own_text, lambda: self.think_tags)
        self._template = self._compiled(source)
        self.source = source
        self._enable_thinking = enable_thinking
        self._efforts: dict[str, str | None] = {}

    @cached_property
    def think_tags(self) -> ThinkTags | None:
        """What the model writes its reasoning between, if it reasons."""
        return find_think_tags(self.source, self._show_reasoning)

    @cached_property
    def tool_family(self) -> ToolFamily:
        """In which format the model calls tools."""
        return detect(self.source)

    @property
    def knows_tools(self) -> bool:
        """Whether it has a format for calls. Other models are taught one in words."""
        return self.tool_family is not GENERIC

    @property
    def reasons(self) -> bool:
        """Whether the model may think before it answers, in a way that is told apart."""
        family = self.tool_family
        return bool(family.thoughts.starts) if isinstance(family, ChannelFamily) else self.think_tags is not None

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
        token. A new turn begins even after a last message of the assistant, as with OpenAI. Shapes that the template
        refuses, or would show in part, it gets as it takes them. Raises MessagesRefused where it refuses them in any
        shape, TemplateBroken where it fails by itself.
        """
        self._check(template_kwargs)
        shown = self._learned.shown(messages, has_tools=bool(tools))
        _refuse_marks([[*map(_others_text, shown)], tools, template_kwargs])
        variables = with_thinking(self._with_effort(template_kwargs), self._enable_thinking, self.source)
        shown_tools = self._learned.tools(tools) if tools else None
        try:
            prompt = self._run(variables, shown, shown_tools, add_generation_prompt)
        except TemplateError as error:
            prompt = self._run_plainly(error, variables, messages, shown_tools, add_generation_prompt)
        return self._spellings.pieces(plain(prompt), str(prompt))

    def _run_plainly(
        self,
        error: TemplateError,
        variables: Mapping[str, Any],
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] | None,
        add_generation_prompt: bool,
    ) -> str:
        """The prompt in the plainest shape there is, for messages at which the template failed with `error`."""
        if isinstance(error.__cause__, LimitExceeded):
            raise error
        shown = self._learned.shown_plainly(messages)
        _refuse_marks([*map(_others_text, shown)])
        try:
            return self._run(variables, shown, tools, add_generation_prompt)
        except TemplateError:
            raise error from None

    def problem(self, has_tools: bool = False) -> str | None:
        """What the template says to a mere question, where it fails even at that, with instructions and without."""
        return self._learned.problem(has_tools)

    def learn(self) -> None:
        """Find out at once whatever else would be found out at the first request that needs it."""
        self._learned.all()

    def _run(
        self,
        variables: Mapping[str, Any],
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        *,
        is_trial: bool = False,
    ) -> str:
        """The whole prompt, a TemplateText where anything in it is marked."""
        values = {
            **dates(),
            **nothing(self.source, "documents"),
            **tool_variables(self.source, tools),
            **variables,
            **self._tokens,
            "messages": messages,
            "add_generation_prompt": add_generation_prompt,
        }
        try:
            return self._template.render({**given(values), BUDGET: begin(is_trial=is_trial)})
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

    def _with_effort(self, template_kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments with an effort that the template takes: the nearest one, or the same where it takes none."""
        effort, name = template_kwargs.get("reasoning_effort"), effort_name(self.source)
        if not isinstance(effort, str) or name is None or template_kwargs.get(name, effort) != effort:
            return template_kwargs
        if effort not in self._efforts:
            accepted = (each for each in efforts_like(effort, self.source) if self._takes({name: each}))
            self._efforts[effort] = next(accepted, None)
        nearest = self._efforts[effort]
        return {**template_kwargs, name: effort if nearest is None else nearest}

    def _takes(self, template_kwargs: Mapping[str, Any]) -> bool:
        try:
            self._run(template_kwargs, [{"role": "user", "content": "Hello"}], is_trial=True)
        except TemplateError:
            return False
        return True

    def _show_reasoning(self, reasoning: str, content: str) -> str:
        answer = {"role": "assistant", "reasoning_content": reasoning, "content": content}
        try:
            said = [{"role": "user", "content": "Hello"}, answer]
            return plain(self._run({}, said, add_generation_prompt=False, is_trial=True))
        except TemplateError:
            return ""

    def _tried(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
        return self._run({}, messages, tools, is_trial=True)


def _refuse_marks(values: object) -> None:
    if holds_marks(values):
        raise MessagesRefused("A text in the messages, tools or template arguments holds half of a surrogate pair.")


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
