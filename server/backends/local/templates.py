"""The chat templates of a loaded model, compiled and tried in a native thread as soon as the model is there.

That takes a tenth of a second, of the longest templates half a second, in which the worker goes on with other requests.
It does not know requests, nor how the card comes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import gevent

from server.answers.backend import Features
from server.chat.template.template import ChatTemplate, TemplateError
from server.protocol.messages import ModelCard

logger = logging.getLogger(__name__)

MAX_REASON_LENGTH = 200
"""Characters of a template's own words that are told to everybody."""


@dataclass(frozen=True)
class _Tried:
    """A template, or what is wrong with it, which would be wrong every time."""

    compiled: ChatTemplate | TemplateError
    problem: str | None
    """Why it fails even at a plain question; None if it does not."""
    knows_tools: bool = False
    reasons: bool = False


class Templates:
    """The template of one load, and the one for requests with tools, if the file has that."""

    def __init__(self, card: ModelCard, enable_thinking: bool | None) -> None:
        """Begins to compile; `enable_thinking` as with `ChatTemplate`."""
        self.card = card
        self._general = gevent.spawn(_try, card, card.chat_template, enable_thinking, for_tools=False)
        self._for_tools = self._general
        if card.tool_chat_template is not None:
            self._for_tools = gevent.spawn(_try, card, card.tool_chat_template, enable_thinking, for_tools=True)

    def get(self, has_tools: bool) -> ChatTemplate:
        """The template for a request, as soon as it has been tried.

        Raises:
            TemplateError: if it cannot be compiled.
        """
        tried: _Tried = (self._for_tools if has_tools else self._general).get()
        if isinstance(tried.compiled, TemplateError):
            raise tried.compiled
        return tried.compiled

    def features(self) -> Features:
        """What the model can do, as far as that is known by now; with a broken template, nothing."""
        general, for_tools = self._general.value, self._for_tools.value
        if general is None or for_tools is None:
            return Features()
        return Features(calls_tools=for_tools.knows_tools, reasons=general.reasons)

    def state(self) -> str | None:
        """One line for people: whether chats can be rendered, and why not. None until that is known."""
        general, for_tools = self._general.value, self._for_tools.value
        if general is None or for_tools is None:
            return None
        if general.problem is not None:
            return f"broken: {_first_line(general.problem)}"
        if for_tools.problem is not None:
            return f"broken for requests with tools: {_first_line(for_tools.problem)}"
        return "none: ChatML is used" if self.card.chat_template is None else "fine"


def _try(card: ModelCard, source: str | None, enable_thinking: bool | None, *, for_tools: bool) -> _Tried:
    """Compile and try a template in a native thread, and log what is wrong with it."""
    pool = gevent.get_hub().threadpool
    tried: _Tried = pool.apply(_compile_and_try, (card, source, enable_thinking, for_tools))
    which = "the chat template for tools" if for_tools else "the chat template"
    if tried.problem is not None:
        fails = "is broken" if isinstance(tried.compiled, TemplateError) else "refuses even a plain question"
        logger.error("%s of %s %s: %s", which, card.model_id, fails, tried.problem)
    elif source is None:
        logger.warning("%s has no chat template; ChatML is used", card.model_id)
    return tried


def _compile_and_try(card: ModelCard, source: str | None, enable_thinking: bool | None, for_tools: bool) -> _Tried:
    try:
        template = ChatTemplate(source, card.bos_token, card.eos_token, card.control_spellings, enable_thinking)
    except TemplateError as error:
        return _Tried(error, str(error))
    problem = template.problem(has_tools=for_tools)
    if problem is None:
        template.learn()
    return _Tried(template, problem, template.knows_tools, template.reasons)


def _first_line(reason: str) -> str:
    line = reason.partition("\n")[0]
    return line if len(line) <= MAX_REASON_LENGTH else f"{line[:MAX_REASON_LENGTH]}..."
