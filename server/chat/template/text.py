"""Strings that a template wrote itself. To the template they read like any other; written out, they bear their marks.

Operations that are not defined here give a plain string: a template's text may lose its marks, and then counts as
anybody's text, but nobody's text can gain any. What a mark is, only `special_tokens` knows.
"""

from __future__ import annotations

from typing import SupportsIndex, TypeVar, cast

T = TypeVar("T")


class TemplateText(str):
    """`marked` is this very text, of the same length, with marks for what the template wrote of it."""

    __slots__ = ("marked",)
    marked: str

    def __new__(cls, text: str, marked: str) -> TemplateText:
        self = super().__new__(cls, text)
        self.marked = marked
        return self

    def __str__(self) -> str:
        # jinja2 writes an expression out, and joins strings, through str().
        return self.marked

    def __add__(self, other: str) -> TemplateText:
        # Not for Markup: what jinja2 calls safe escapes whatever it is added to.
        if type(other) not in (str, TemplateText):
            return NotImplemented
        return TemplateText(super().__add__(other), self.marked + str(other))

    def __radd__(self, other: str) -> TemplateText:
        if type(other) is not str:
            return NotImplemented
        return TemplateText(str.__add__(other, self), other + self.marked)

    def __getitem__(self, key: SupportsIndex | slice) -> TemplateText:
        return TemplateText(super().__getitem__(key), self.marked[key])

    def strip(self, chars: str | None = None, /) -> TemplateText:
        return self.lstrip(chars).rstrip(chars)

    def lstrip(self, chars: str | None = None, /) -> TemplateText:
        return self[len(self) - len(super().lstrip(chars)) :]

    def rstrip(self, chars: str | None = None, /) -> TemplateText:
        return self[: len(super().rstrip(chars))]


def plain(value: T) -> T:
    """A template's own text as an ordinary string; any other value as it is."""
    return cast(T, str.__str__(value)) if isinstance(value, TemplateText) else value
