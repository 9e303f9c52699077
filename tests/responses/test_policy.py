"""The request's own wishes over the settings of its model."""

from __future__ import annotations

from schemas.responses import ContextOptions, load_response
from server.models.catalogue import ContextPolicy
from server.responses.policy import with_policy

POLICY = ContextPolicy(truncation="auto", max_turns=5, max_tokens=500)


def test_a_request_that_says_nothing_gets_the_models_settings() -> None:
    wanted = with_policy(load_response({"input": "hi"}), POLICY)
    assert (wanted.truncation, wanted.context) == ("auto", ContextOptions(5, 500))


def test_a_request_says_each_of_them_by_itself() -> None:
    body = {"input": "hi", "truncation": "disabled", "context": {"max_turns": 2}}
    wanted = with_policy(load_response(body), POLICY)
    assert (wanted.truncation, wanted.context) == ("disabled", ContextOptions(2, 500))


def test_without_settings_nothing_is_dropped() -> None:
    wanted = with_policy(load_response({"input": "hi"}), ContextPolicy())
    assert (wanted.truncation, wanted.context) == ("disabled", ContextOptions())
