"""What is decided before an output comes."""

from __future__ import annotations

from server.chat.families.with_reasoning.harmony import Harmony
from server.chat.output.plan import OutputPlan, plan_output
from server.chat.prompted_tools import render_chat
from server.chat.tools import NO_TOOLS, Tool, ToolUse
from server.protocol.values import Grammar, Thoughts
from tests.chat.chat_templates import make

TIME = Tool("get_time", {"type": "object", "properties": {}})
STRICT = Tool("get_time", {"type": "object", "properties": {}}, is_strict=True)
MESSAGES = [{"role": "user", "content": "Hi"}]


def plan(name: str, use: ToolUse = NO_TOOLS, separates: bool = True, answer: Grammar | None = None) -> OutputPlan:
    template = make(name)
    pieces = render_chat(template, MESSAGES, use)
    return plan_output(template, pieces, use=use, separates_reasoning=separates, answer=answer)


def test_plain_text_needs_no_reading() -> None:
    assert plan("chatml") == OutputPlan()
    assert plan("chatml").is_plain
    assert not plan("thinking").is_plain
    assert not plan("chatml", ToolUse((TIME,))).is_plain


def test_reasoning_that_is_not_separated_shows_its_tags() -> None:
    whole = plan("thinking", separates=False)
    assert whole.is_plain
    assert whole.shown_control_tokens == ("<think>", "</think>")


def test_stop_strings_are_told_what_is_around_thoughts_where_these_are_told_apart() -> None:
    assert plan("thinking").thoughts == Thoughts(("<think>",), ("</think>",))
    assert plan("channels").thoughts == Harmony.thoughts
    for whole in (plan("thinking", separates=False), plan("channels", separates=False), plan("chatml")):
        assert whole.thoughts is None


def test_an_output_that_goes_on_with_a_content_does_not_begin_with_thoughts() -> None:
    template, schema = make("thinking"), Grammar("json_schema", "{}")
    assert plan_output(template, [], begun="The answer is").is_plain
    opened = plan_output(template, [], begun="<think>\nHm")
    assert opened.thoughts == Thoughts(("<think>",), ("</think>",), are_open=True)
    assert plan_output(template, [], begun="<think>\nHm.</think> So").is_plain
    assert plan_output(make("channels"), [], begun="{", answer=schema).grammar is schema


def test_there_is_a_grammar_only_where_something_is_promised() -> None:
    assert plan("thinking", ToolUse((TIME,))).grammar is None
    for use in (ToolUse((TIME,), must_call=True), ToolUse((TIME,), parallel=False), ToolUse((TIME, STRICT))):
        assert plan("thinking", use).grammar is not None
    assert plan("chatml", ToolUse((TIME,))).grammar is not None
    schema = Grammar("json_schema", "{}")
    assert plan("chatml", answer=schema).grammar is schema
    assert plan("thinking", answer=schema).grammar not in (None, schema)


def test_markers_are_shown_if_they_are_looked_for() -> None:
    assert "[TOOL_CALLS]" in plan("instructions", ToolUse((TIME,))).shown_control_tokens
    assert plan("instructions").shown_control_tokens == ()
