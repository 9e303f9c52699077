"""An engine's events as parts: passed on where all text is content, read where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from server.answers.parts import ContentText, End, PromptLogprobs, ReasoningText
from server.answers.usage import Usage
from server.backends.local.answer import LocalAnswer
from server.backends.local.engine_client import EngineGone
from server.chat.output.plan import OutputPlan
from server.chat.reasoning import ReasoningSplitter, ThinkTags
from server.errors.tree import EngineLost
from server.protocol.messages import Accepted, Delta, Finished
from server.protocol.values import TokenLogprob
from tests.backends.local.test_generation import generation

PLAIN = OutputPlan()
THINKING = OutputPlan(lambda: ReasoningSplitter(ThinkTags("<think>", "</think>")))


def answering(*arrivals: object, plan: OutputPlan = PLAIN) -> LocalAnswer:
    running, _ = generation(Accepted(1, 3), *arrivals)
    answer = LocalAnswer(running, plan)
    answer.start()
    return answer


def test_plain_text_is_passed_on() -> None:
    logprob = TokenLogprob(5, b"a", -0.5, [])
    answer = answering(Delta(1, 0, "a", [logprob]), Delta(1, 0, "b"), Finished(1, 0, "length", 2, 1))
    told = [part for batch in answer.batches() for part in batch]
    assert told == [(0, ContentText("a", [logprob])), (0, ContentText("b")), (0, End("length"))]
    assert answer.usage == Usage(3, 2, 1)


def test_logprobs_of_the_prompt_are_told_apart() -> None:
    logprob = TokenLogprob(5, b"a", -0.5, [])
    answer = answering(Delta(1, 0, "", [logprob], num_tokens=0), Finished(1, 0, "length", 0, 0))
    assert next(answer.batches())[0] == (0, PromptLogprobs([logprob]))


def test_reasoning_is_told_apart_and_counted() -> None:
    answer = answering(
        Delta(1, 0, "<think>Hm.", num_tokens=3),
        Delta(1, 0, "</think>", num_tokens=1),
        Delta(1, 0, "Yes."),
        Finished(1, 0, "stop", 5, 0),
        plan=THINKING,
    )
    told = [part for batch in answer.batches() for part in batch]
    assert told == [(0, ReasoningText("Hm.")), (0, ContentText("Yes.")), (0, End("stop"))]
    assert answer.usage == Usage(3, 5, 0, 4)


def test_what_is_held_back_when_the_engine_dies_can_still_be_had() -> None:
    answer = answering(Delta(1, 0, "<thi"), EngineGone(), plan=THINKING)
    with pytest.raises(EngineLost):
        list(answer.batches())
    assert answer.rest() == [(0, ContentText("<thi"))]


def test_tokens_that_show_nothing_are_no_batch_before_the_silence_is_over() -> None:
    happened: tuple[Any, ...] = (Delta(1, 0, "<thi"), Delta(1, 0, "nk>"), Finished(1, 0, "stop", 2, 0))
    patient = [len(batch) for batch in answering(*happened, plan=THINKING).batches(60)]
    assert patient == [1]
