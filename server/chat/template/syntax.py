"""Chat templates as jinja2 trees: the block that transformers adds to the language, and the marking of own text.

Before a template is compiled its text and its string constants become its own, `~` becomes a filter that keeps them so,
its loops get their turns counted, and what it compares is looked at first. What the filters do, `environment` knows.
"""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

# Names of filters, such that no template can write them.
OWN_TEXT = "own text"
CONCATENATED = "parts concatenated"
COUNTED = "turns counted"
COMPARED = "compared within bounds"
SEARCHED = "searched within bounds"


class GenerationBlock(Extension):
    """`{% generation %}`: marks what a model is trained on; to a prompt it is only its body, in a scope of its own."""

    tags = {"generation"}  # noqa: RUF012  # jinja2 declares it so

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class TextMarker(NodeTransformer):
    """Makes the changes. `mark` is what becomes of text that the template writes."""

    def __init__(self, mark: Callable[[str], str]) -> None:
        self._mark = mark

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:  # noqa: N802  # jinja2's name
        node.data = self._mark(node.data)
        return node

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802
        is_marked = isinstance(node.value, str) and self._mark(node.value) != node.value
        return _filtered(OWN_TEXT, node) if is_marked else node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(CONCATENATED, nodes.List(node.nodes, lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _filtered(COMPARED, node.expr)
        for operand in node.ops:
            operand.expr = _filtered(SEARCHED, operand.expr)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _filtered(COUNTED, node.iter)
        return node


def _filtered(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
