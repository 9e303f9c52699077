"""Which language a grammar is written in."""

from __future__ import annotations

import pytest

from server.backends.local.structured_output import is_gbnf
from tests.growth import num_calls


@pytest.mark.parametrize(
    "source", ["root ::= x", "\n  # a\n  my-rule\n ::= x", "# x ::= y\nroot::=x", "a b ::= c\nroot ::= x"]
)
def test_a_rule_defined_at_the_beginning_of_a_line_is_gbnf(source: str) -> None:
    assert is_gbnf(source)


@pytest.mark.parametrize(
    "source", ["", 'start: "x"', 'start: "a ::= b"', "a b ::= c", "# ::= root ::= x", "::= x", "\n" * 9]
)
def test_anything_else_is_lark(source: str) -> None:
    assert not is_gbnf(source)


@pytest.mark.parametrize("text", ["\n", "a", "a\n", " ", "::=", "a b ::="])
def test_it_is_told_in_one_pass(text: str) -> None:
    assert num_calls(lambda: is_gbnf(text * 60_000)) < 10 * 60_000
