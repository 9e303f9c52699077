"""The filters and functions that chat templates are given: jinja2's, within bounds, and what transformers adds."""

from __future__ import annotations

import json
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from datetime import datetime
from functools import wraps
from typing import Any

from server.chat.template import bounds
from server.chat.template.errors import MessagesRefused
from server.chat.template.special_tokens import holds_marks
from server.chat.template.text import plain

_KEEPS_MARKS = frozenset(["default", "d", "trim", "string", "safe", "join"])
"""Filters that are given the template's own text as such; the others get it plain, and so do not keep its marks."""

_SHALLOW = frozenset(
    [
        *("attr", "batch", "count", "d", "default", "first", "items", "last", "length", "list"),
        *("map", "random", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "sum"),
    ]
)
"""Filters that do not look into the items of what they are given; the others may write out or compare all of it."""
COMPARISONS = (
    *("==", "!=", "<", "<=", ">", ">=", "eq", "equalto", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lt", "ne"),
)
"""Tests that compare values, and what is in them."""

Filter = Callable[..., Any]


def bounded(name: str, function: Filter) -> Filter:
    """The filter of that name within bounds, and given the text that it can deal with."""
    num_internal = 1 if hasattr(function, "jinja_pass_arg") else 0
    read = _as_it_is if name in _KEEPS_MARKS else plain

    @wraps(function)
    def bounded_function(*arguments: Any, **keywords: Any) -> Any:
        values = [read(argument) for argument in arguments]
        named = {key: read(value) for key, value in keywords.items()}
        bounds.check_call(name, values[num_internal], (*values[num_internal + 1 :], *named.values()))
        if name not in _SHALLOW:
            bounds.check_depths([value for value in values[num_internal:] if not isinstance(value, str)])
        result = bounds.check_size(function(*values, **named))
        bounds.spend_on(values[num_internal], result)
        return result

    return bounded_function


def compared(value: Any) -> Any:
    """A value that is compared, with all that is in it."""
    return bounds.check_depths(searched(value))


def searched(value: Any) -> Any:
    """A value with which another one is compared, or each of its items."""
    bounds.spend_on(value)
    return value


def compared_by(test: Filter) -> Filter:
    """The test, for values within bounds."""

    @wraps(test)
    def bounded_test(value: Any, *others: Any) -> Any:
        return test(compared(value), *map(searched, others))

    return bounded_test


def strftime_now(format_string: str) -> str:
    """The server's local time."""
    return datetime.now().astimezone().strftime(plain(format_string))


def tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As transformers has it, and of lazy values as well: jinja2's own escapes HTML and sorts keys."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
        default=_listed_or_refused,
    )


def length(value: Any) -> int:
    """Of lazy values as well; jinja2's own fails on them."""
    return len(listed(value))


def listed(value: Any) -> Any:
    """A list of what a lazy value gives: what `map`, `select` and others make, or the views of an object; else as is.

    Other engines have no lazy values, and there are templates that were written for those.
    """
    return list(value) if isinstance(value, (Iterator, KeysView, ValuesView, ItemsView)) else value


def from_json(text: str) -> Any:
    """Not one of transformers', but there are GGUF files whose templates use it. Raises MessagesRefused."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessagesRefused(f"The chat template needs JSON in the messages: {error}") from error
    if holds_marks(value):
        # From an escape such as \ud83d alone, which would pass for a mark.
        raise MessagesRefused("A JSON text in the messages holds half of a surrogate pair.")
    return value


def _listed_or_refused(value: Any) -> Any:
    items = listed(value)
    if items is value:
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return items


def _as_it_is(value: Any) -> Any:
    return value
