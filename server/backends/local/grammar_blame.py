"""What is said of a grammar that the engine cannot follow: which parameter brought it, and why in the client's words.

Of a schema or a pattern the client knows no grammar: neither its lines nor how a compiler names its parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.structured_output import OutputFormat
from server.errors.tree import InvalidRequest
from server.protocol.values import Grammar

MAX_REASON_LENGTH = 400
"""Characters of a reason that are passed on."""

MAX_MESSAGE_LENGTH = 4000
"""Characters of a message that are looked at, for which the time grows with their square."""

_INNER = re.compile(
    r"\A(?:at )?\d+\(\d+\): "  # a place in the grammar
    r"|failed to compile JSON schema: "
    r"|invalid regex \".*?\" \(in regex\): "
    r"|regex parse error:\n.*\nerror: "
    r"|:?\s+\((?:And|Or|Not|Concat|Regex|SearchRegex)\b.*"  # a pattern as the compiler sees it
    r"| in regex /.*"
    r"|\. Enable '.*"  # how a program would set it
    r"|\n +\d+ \| .*",  # the grammar's lines
    re.DOTALL,
)


@dataclass(frozen=True)
class GrammarBlame:
    """Who is to blame if a grammar cannot be followed."""

    param: str | None = None
    code: str | None = None
    is_clients: bool = False
    """Whether the client wrote the grammar itself, so that its lines say something."""

    def refusal(self, message: str) -> InvalidRequest:
        """The error for what the engine says."""
        reason = message if self.is_clients else plain(message)
        return InvalidRequest(f"The output cannot be constrained like this: {reason}", param=self.param, code=self.code)


NOBODY = GrammarBlame()


def grammar_blame(wanted: OutputFormat | None, grammar: Grammar | None, tools_param: str | None = None) -> GrammarBlame:
    """Whom to blame for the grammar of a request: the format that is wanted, if any, or else its functions."""
    if wanted is None:
        return GrammarBlame(tools_param, "invalid_function_parameters")
    code = "invalid_json_schema" if wanted.kind == "json_schema" else None
    is_clients = wanted.kind == "grammar" and grammar is not None and grammar.source == wanted.value
    return GrammarBlame(wanted.param, code, is_clients)


def plain(message: str) -> str:
    """What the compiler says, without what only it knows."""
    return _INNER.sub("", message[:MAX_MESSAGE_LENGTH]).strip()[:MAX_REASON_LENGTH]
