"""What can go wrong between a conversation and its prompt.

    TemplateError
      TemplateBroken    the template itself: it cannot be compiled, or failed while it ran
      MessagesRefused   the conversation: the template said no to it, or it cannot be rendered at all

This layer does not know HTTP; whoever calls it decides what these become there.
"""

from __future__ import annotations


class TemplateError(Exception):
    """A chat template gave no prompt."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TemplateBroken(TemplateError):
    """The template failed by itself; `line` is where in its source, None where that is not known."""

    def __init__(self, reason: str, line: int | None) -> None:
        where = "" if line is None else f" at line {line}"
        super().__init__(f"The model's chat template failed{where}: {reason}")
        self.line = line


class MessagesRefused(TemplateError):
    """The template called `raise_exception` on these messages (the message is its own), or they cannot be rendered."""
