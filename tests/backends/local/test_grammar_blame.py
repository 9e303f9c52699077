"""Errors about grammars speak of what the client sent, and name it."""

from __future__ import annotations

import pytest

from schemas.structured_output import OutputFormat
from server.backends.local.grammar_blame import MAX_REASON_LENGTH, GrammarBlame, grammar_blame, plain
from server.protocol.values import Grammar

LINES = '\n   1 | start: "x" a\n   2 | a: %json {"type": "string"}\n          ^\n'


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            f"at 6(19): failed to compile JSON schema: Unsatisfiable schema: incompatible types{LINES}",
            "Unsatisfiable schema: incompatible types",
        ),
        (
            "Unsatisfiable schema: Regex is empty:  (And (SearchRegex /^a$/) (Regex /(?s:.{0,3})/))",
            "Unsatisfiable schema: Regex is empty",
        ),
        (
            f'at 1(8): invalid regex "(a" (in regex): regex parse error:\n    (a\n    ^\nerror: unclosed group{LINES}',
            "unclosed group",
        ),
        ("lookarounds not supported yet; WordUnicode in regex /^a\\b$/", "lookarounds not supported yet; WordUnicode"),
        ("oneOf constraints are not supported. Enable 'coerce_one_of' option", "oneOf constraints are not supported"),
        ("no token of the model spells the character U+40000", "no token of the model spells the character U+40000"),
        ("long " * 1000, ("long " * 1000)[:MAX_REASON_LENGTH]),
    ],
)
def test_a_reason_is_without_what_only_the_compiler_knows(message: str, reason: str) -> None:
    assert plain(message) == reason


def test_what_brought_the_grammar_is_blamed() -> None:
    lark = Grammar("lark", "start: nothing")
    assert grammar_blame(None, lark, "tools") == GrammarBlame("tools", "invalid_function_parameters")
    schema = OutputFormat("json_schema", {}, "text.format.schema")
    assert grammar_blame(schema, lark, "tools") == GrammarBlame("text.format.schema", "invalid_json_schema")
    assert grammar_blame(OutputFormat("regex", "(", "guided_regex"), lark) == GrammarBlame("guided_regex")


def test_the_lines_of_a_grammar_are_shown_to_whom_they_belong() -> None:
    wanted = OutputFormat("grammar", "start: nothing", "grammar")
    message = 'at 1(8): unknown name: "nothing"\n   1 | start: nothing\n'
    own = grammar_blame(wanted, Grammar("lark", "start: nothing")).refusal(message)
    assert (own.param, own.code) == ("grammar", None)
    assert message in own.message
    within_another = grammar_blame(wanted, Grammar("lark", "start: a\na: %lark {\nstart: nothing\n}")).refusal(message)
    assert within_another.message.endswith('this: unknown name: "nothing"')
