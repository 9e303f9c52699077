"""Questions of our own: the likeliest answer, without thoughts, and nothing goes on from it."""

from __future__ import annotations

from server.answers.messages import text_message
from server.answers.own import content_of, own_question
from server.answers.parts import ContentText, End, ReasoningText
from server.answers.request import Blame
from tests.backends.scripted import ScriptedAnswer


def test_a_question_wants_the_likeliest_answer_and_leaves_no_trace() -> None:
    question = own_question([text_message("user", "hi")], 7, Blame("input"))
    assert (question.sampling.temperature, question.max_tokens) == (0, 7)
    assert question.template_kwargs == {"enable_thinking": False}
    assert question.cache.wanted.retention == "in_memory"
    assert question.blame.prompt == "input"


def test_only_the_content_counts() -> None:
    question = own_question([text_message("user", "hi")], 7, Blame())
    answer = ScriptedAnswer((ReasoningText("Hm."), ContentText("Ye"), ContentText("s."), End("stop")), question)
    assert content_of(answer) == "Yes."
