"""What is decided before an output comes, and how it is read when it does."""

from __future__ import annotations

from server.chat.output.plan import OutputPlan, plan_output
from server.chat.output.reader import OutputReader, content_of
from server.chat.parts import ContentText, ReasoningText, ToolCallStarted
from server.chat.prompted_tools import render_chat
from server.chat.tools import NO_TOOLS, Tool, ToolUse
from server.protocol.messages import Delta, Finished, Grammar, TokenLogprob
from tests.chat.chat_templates import make

TIME = Tool("get_time", {"type": "object", "properties": {}})
STRICT = Tool("get_time", {"type": "object", "properties": {}}, is_strict=True)
MESSAGES = [{"role": "user", "content": "Hi"}]
CALL = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'


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


def deltas(*texts: str) -> list[Delta]:
    """A token each, the logprob being its number."""
    return [Delta(1, 0, text, [TokenLogprob(i, text.encode(), -float(i), [])]) for i, text in enumerate(texts)]


def read(reader: OutputReader, *texts: str) -> tuple[list[object], list[int]]:
    """The parts, and the numbers of the tokens whose logprobs came with them."""
    parts: list[object] = []
    shown: list[int] = []
    for new, logprobs in [*map(reader.read, deltas(*texts)), reader.finish()]:
        parts += new
        shown += [logprob.token for logprob in logprobs]
    return parts, shown


def test_tokens_of_reasoning_are_counted_with_their_tags() -> None:
    reader = plan("thinking").reader()
    parts, shown = read(reader, "\n", "<", "think>", "\n", "Hm", "</thi", "nk>", "\n\n", "Yes", ".")
    assert parts == [ReasoningText("Hm"), ContentText("Yes"), ContentText(".")]
    assert reader.num_reasoning_tokens == 7
    assert shown == [7, 8, 9]


def test_an_output_without_reasoning_counts_none() -> None:
    reader = plan("thinking").reader()
    assert read(reader, "\n", "<", "b>") == ([ContentText("\n<b>")], [0, 1, 2])
    assert reader.num_reasoning_tokens == 0


def test_a_step_may_bring_several_tokens() -> None:
    reader = plan("thinking").reader()
    reader.read(Delta(1, 0, "<think>Hm.", num_tokens=5))
    reader.read(Delta(1, 0, "</think>Y", num_tokens=3))
    assert reader.num_reasoning_tokens == 8


def test_calls_have_no_logprobs() -> None:
    reader = plan("thinking", ToolUse((TIME,))).reader()
    parts, shown = read(reader, "Well", "<tool", *CALL.removeprefix("<tool"))
    assert parts[0] == ContentText("Well")
    assert isinstance(parts[1], ToolCallStarted)
    assert reader.has_whole_calls
    assert shown == [0]


def test_calls_are_whole_when_the_arguments_of_all_of_them_are() -> None:
    last = '<tool_call>\n{"name": "get_time", "arguments": {"a": "\\ud83d}"'
    for text, is_whole in (
        ("Well.", False),
        (CALL, True),
        (CALL.removesuffix("\n</tool_call>"), True),
        (f"{CALL}\n{last}}}", True),
        (f"{CALL}\n{last}", False),
        (f"{last}\n{CALL}", False),
    ):
        reader = plan("thinking", ToolUse((TIME,))).reader()
        read(reader, *text)
        assert reader.has_whole_calls is is_whole, text


def test_the_content_may_be_all_that_is_wanted() -> None:
    events: list[Delta | Finished] = [*deltas("<think>", "Hm.", "</think>", "Ye", "s."), Finished(1, 0, "stop", 6, 0)]
    assert content_of(plan("thinking").reader(), events) == "Yes."
