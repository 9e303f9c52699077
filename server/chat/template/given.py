"""What a template is given, told apart from what it makes: it may change its own lists and objects, never the request.

What is given becomes lists and dicts of types of their own. Whatever a template makes of them, by a literal, a slice, a
filter or a copy, is a plain list or dict again, and so the template's own. This module does not know the sandbox.
"""

from __future__ import annotations

from typing import Any


class GivenList(list[Any]):
    """A list of the request's."""


class GivenDict(dict[str, Any]):
    """A JSON object of the request's."""


def given(value: Any) -> Any:
    """A copy of a JSON value, as a template may be given it. Its strings are the same ones."""
    if isinstance(value, dict):
        return GivenDict((key, given(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return GivenList(map(given, value))
    return value


def is_own(value: object) -> bool:
    """Whether it is a list or a dict that the template made itself."""
    return type(value) in (list, dict)
