"""Every answer has one end, however it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server.answers.answer import ClientLeft
from server.answers.backend import Vectors
from server.answers.parts import ContentText, End
from server.answers.request import ChatRequest
from server.answers.usage import Usage
from server.backends.metered import Account, Metered, metered_vectors
from server.errors.tree import EngineLost, ParleyError
from tests.backends.scripted import ScriptedAnswer

WHOLE = (ContentText("a"), End("stop"))


class Meter:
    """An answer with the accounts of it."""

    def __init__(self, *script: ContentText | End | ParleyError) -> None:
        self.accounts: list[Account] = []
        self.answer = Metered(ScriptedAnswer(script, ChatRequest(())), self.accounts.append)

    @property
    def outcomes(self) -> list[str]:
        return [account.outcome for account in self.accounts]


def read(meter: Meter) -> None:
    for _ in meter.answer.batches():
        pass


def leave(meter: Meter) -> None:
    meter.answer.abandon()
    with pytest.raises(ClientLeft):
        read(meter)


def fail(meter: Meter) -> None:
    with pytest.raises(EngineLost):
        read(meter)


def look_away(meter: Meter) -> None:
    next(iter(meter.answer.batches()))


@pytest.mark.parametrize(
    ("script", "end", "outcome"),
    [
        (WHOLE, read, "finished"),
        (WHOLE, leave, "left"),
        ((ContentText("a"), EngineLost("m")), fail, "failed"),
        (WHOLE, look_away, "closed"),
        (WHOLE, lambda meter: None, "closed"),
    ],
)
def test_it_is_told_once(
    script: tuple[ContentText | End | ParleyError, ...], end: Callable[[Meter], None], outcome: str
) -> None:
    meter = Meter(*script)
    meter.answer.start()
    end(meter)
    meter.answer.close()
    meter.answer.close()
    assert meter.outcomes == [outcome]


def test_the_account_has_the_usage_and_the_times() -> None:
    meter = Meter(*WHOLE)
    meter.answer.start()
    read(meter)
    (account,) = meter.accounts
    assert account.usage == Usage(0, 1, 0)
    assert account.first_part_seconds is not None
    assert 0 <= account.first_part_seconds <= account.seconds


def test_an_answer_that_never_ran_has_no_account() -> None:
    meter = Meter(*WHOLE)
    meter.answer.close()
    assert meter.accounts == []


def test_vectors_are_accounted_for() -> None:
    accounts: list[Account] = []
    assert metered_vectors(lambda: Vectors([b""], 7), accounts.append).num_tokens == 7
    assert [(account.usage, account.outcome) for account in accounts] == [(Usage(7, 0, 0), "finished")]
