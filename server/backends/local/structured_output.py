"""From what a request demands of the text to the grammar that the engine keeps to.

Knows what OpenAI's, llama-server's and vLLM's ways of asking come to. Tools and their calls are other modules' work,
and so is compiling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from schemas.structured_output import OutputFormat
from server.chat.output.grammar import GrammarsClash
from server.chat.schema.enforced import enforced
from server.chat.schema.kept import UnsupportedSchema
from server.errors.tree import InvalidRequest
from server.http.strict_json import decode_object
from server.protocol.values import Grammar

DEFINES = "::="
"""What GBNF defines a rule with; in Lark it is a colon."""
_RULE_NAME = re.compile(r"[\w-]+")


def grammar_of(wanted: OutputFormat | None) -> Grammar | None:
    """The grammar for text alone.

    Raises:
        InvalidRequest: naming the keyword of a schema that cannot be honoured, by its place in the request.
    """
    if wanted is None:
        return None
    match wanted.kind:
        case "json_schema":
            return Grammar("json_schema", json.dumps(_enforced(wanted)))
        case "regex":
            return Grammar("regex", wanted.value)
        case "choice":
            choices = [json.dumps(choice, ensure_ascii=False) for choice in wanted.value]
            return Grammar("lark", f"start: {' | '.join(choices)}")
        case "grammar":
            return Grammar("gbnf" if is_gbnf(wanted.value) else "lark", wanted.value)


def is_gbnf(source: str) -> bool:
    """Whether a line of a grammar begins with the definition of a GBNF rule."""
    heads = f"\n{source}".split(DEFINES)[:-1]
    lines = (head.rstrip().rpartition("\n") for head in heads)
    return any(begins and _RULE_NAME.fullmatch(line.strip()) for _, begins, line in lines)


@contextmanager
def clashes_refused(wanted: OutputFormat | None) -> Iterator[None]:
    """While an output is planned: what is wanted of the text may not be possible behind a call or reasoning.

    Raises:
        InvalidRequest: naming the param that demands it.
    """
    try:
        yield
    except GrammarsClash:
        reason = "A GBNF grammar cannot be combined with tools or with this model's reasoning; please give it as Lark."
        raise InvalidRequest(reason, param=wanted.param if wanted else None) from None


def _schema(wanted: OutputFormat) -> dict[str, Any]:
    if not isinstance(wanted.value, str):
        return dict(wanted.value)
    try:
        return decode_object(wanted.value.encode())
    except InvalidRequest as error:
        message = f"'{wanted.param}' must be a JSON Schema, or one in a string. Of the string as a body: {error}"
        raise InvalidRequest(message, param=wanted.param) from None


def _enforced(wanted: OutputFormat) -> dict[str, object]:
    try:
        return enforced(_schema(wanted))
    except UnsupportedSchema as error:
        message = f"This JSON Schema cannot be honoured. {error}."
        raise InvalidRequest(message, param=wanted.param + error.place, code="invalid_json_schema") from None
