"""Grammars for whole outputs, in llguidance's Lark: reasoning first, then calls, or text with or without calls.

    start: [reasoning] tool_calls                       a call is demanded
    start: [reasoning] (text | [text] tool_calls)       the model decides, and what begins as a call is one
    start: [reasoning] answer                           the answer follows a grammar

Where reasoning is a channel, what stands before calls and answers is the family's.

llguidance makes no control token of a string, and none of the tokens that a model's makers added and that look like
one: where a marker is such a token, the grammar names its id. Text is what holds no marker, spelled out or as a token.
It does not know families' formats or what a schema means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server.chat.calls.family import ChannelFamily, Mark, SectionedFamily, ToolFamily
from server.chat.calls.schema import COMPACT, json_rule
from server.chat.reasoning import ThinkTags
from server.chat.schema.enforced import enforced_arguments
from server.chat.tools import Tool, ToolUse
from server.protocol.values import Grammar

_BARE_JSON = "[{"
"""What the calls of families begin with that have no marker."""


def mark_with(marker_ids: Mapping[str, int]) -> Mark:
    """How markers are written for a model with these tokens."""

    def mark(marker: str) -> str:
        token = marker_ids.get(marker)
        return json.dumps(marker) if token is None else f"<[{token}]>"

    return mark


@dataclass(frozen=True)
class Reasoning:
    """What comes before the answer."""

    tags: ThinkTags
    is_open: bool
    """Whether the prompt ends inside; otherwise the model may reason, or not."""


class GrammarsClash(Exception):
    """What the answer must follow is in a language that cannot be part of another grammar."""


def call_grammar(
    family: ToolFamily, use: ToolUse, mark: Mark, reasoning: Reasoning | None, answer: Grammar | None = None
) -> Grammar:
    """For an output that calls, or if it need not, one whose calls are right once they have begun.

    Raises:
        GrammarsClash: see there.
    """
    rules = family.grammar([_enforceable(tool) for tool in use.tools], use.parallel, mark)
    if use.must_call:
        return _grammar(reasoning, mark, "tool_calls", rules)
    if isinstance(family, ChannelFamily):
        rules += family.before_answer(mark) + (_answer_rule(answer) if answer else "output_answer: /(?s:.*)/\n")
        said = "tool_before_answer output_answer"
        if isinstance(family, SectionedFamily) and not answer:
            rules += family.behind_answer(mark)
            said += " tool_behind_answer?"
        return _grammar(None, mark, f"({said} | tool_calls)", rules)
    if answer:
        return _grammar(reasoning, mark, "(output_answer | tool_calls)", rules + _answer_rule(answer))
    if not family.call_starts:
        rules += f"output_text: /[^\\s{re.escape(_BARE_JSON)}](?s:.*)/\n"
        return _grammar(reasoning, mark, "(tool_calls | output_text)?", rules)
    rules += text_rules("output_text", family.call_starts)
    return _grammar(reasoning, mark, "(output_text_end | output_text tool_calls)", rules)


def answer_grammar(answer: Grammar, family: ToolFamily, mark: Mark, reasoning: Reasoning | None) -> Grammar:
    """For an answer that follows a grammar of its own, behind the reasoning if there may be any.

    Raises:
        GrammarsClash: see there.
    """
    if isinstance(family, ChannelFamily):
        rules = family.before_answer(mark) + _answer_rule(answer)
        return _grammar(None, mark, "tool_before_answer output_answer", rules)
    return answer if reasoning is None else _grammar(reasoning, mark, "output_answer", _answer_rule(answer))


def _enforceable(tool: Tool) -> Tool:
    return replace(tool, parameters=enforced_arguments(tool.parameters, is_strict=tool.is_strict))


def _answer_rule(answer: Grammar) -> str:
    match answer.syntax:
        case "json_schema":
            return f"output_answer: {json_rule(_compact(json.loads(answer.source)))}\n"
        case "regex":
            return f"output_answer: /{_unslashed(answer.source)}/\n"
        case "lark":
            return f"output_answer: %lark {{\n{answer.source}\n}}\n"
        case _:
            raise GrammarsClash(answer.syntax)


def _compact(schema: Any) -> Any:
    """The schema with white space as `call_schema` has it, unless it says otherwise itself."""
    return {"x-guidance": COMPACT, **schema} if isinstance(schema, dict) else schema


def text_rules(name: str, markers: Sequence[str]) -> str:
    """Rules for text, empty text too, in which none of the markers is spelled out.

    `name` is text that a marker may follow, `name`_end text that nothing follows. llguidance's lexer takes the longest
    match and cannot look ahead, so text is cut where a marker may begin: into stretches without a marker's first
    character, and beginnings of markers with what shows that they are none. Only at the end of a text a beginning may
    stay one. Markers whose first character comes again inside of them may slip through.
    """
    firsts = "".join(sorted({marker[0] for marker in markers}))
    upper = name.upper()
    begun = f"(?:{'|'.join(_beginnings(markers))})"
    deviated = "|".join(_deviations(markers, firsts))
    return (
        f"{name}: ({upper}_PLAIN | {upper}_PART)*\n"
        f"{name}_end: {name} {upper}_BEGUN?\n"
        f"{upper}_PLAIN: /[^{_unslashed(_in_class(firsts))}]+/\n"
        f"{upper}_PART: /{_unslashed(f'{begun}*(?:{deviated})')}/\n"
        f"{upper}_BEGUN: /{_unslashed(begun)}+/\n"
    )


def _beginnings(markers: Sequence[str]) -> list[str]:
    """Patterns of all that markers begin with, the longest first, no whole marker among them."""
    found = {marker[:length] for marker in markers for length in range(1, len(marker))} - set(markers)
    return [re.escape(beginning) for beginning in sorted(found, key=len, reverse=True)] or ["[^\\s\\S]"]


def _deviations(markers: Sequence[str], firsts: str) -> list[str]:
    """Patterns of beginnings of markers with a character that no marker goes on with, nor begins with."""
    found = {marker[:length] for marker in markers for length in range(1, len(marker))} - set(markers)
    patterns = []
    for beginning in sorted(found):
        following = {m[len(beginning)] for m in markers if m.startswith(beginning) and len(m) > len(beginning)}
        patterns.append(f"{re.escape(beginning)}[^{_in_class(firsts + ''.join(sorted(following)))}]")
    return patterns or ["[^\\s\\S]"]


def _in_class(characters: str) -> str:
    return "".join(f"\\{character}" if character in "\\]^-[&~" else character for character in characters)


def _unslashed(pattern: str) -> str:
    """A pattern as it may stand between slashes."""
    return re.sub(r"(\\.)|/", lambda found: found[1] or "\\/", pattern, flags=re.DOTALL)


def _grammar(reasoning: Reasoning | None, mark: Mark, body: str, rules: str) -> Grammar:
    if reasoning is None:
        return Grammar("lark", f"start: {body}\n{rules}")
    tags = reasoning.tags
    begin = "" if reasoning.is_open else f"{mark(tags.start)} "
    thought = f"{begin}output_thought {mark(tags.end)} /\\s{{0,4}}/"
    optional = thought if reasoning.is_open else f"({thought})?"
    return Grammar("lark", f"start: {optional} {body}\n{text_rules('output_thought', [tags.end])}{rules}")
