"""What clients hear of a sequence: its text, its logprobs and its end."""

from __future__ import annotations

from server.protocol.messages import Delta, Finished
from tests.engine.driving import finishes, letters, make_engine, make_request, run, text_of
from tests.engine.fakes import FakeRunner


def test_an_end_of_generation_token_ends_it_without_text() -> None:
    engine = make_engine(FakeRunner(script=lambda tokens: 0 if tokens[-1] == ord("e") else tokens[-1] + 1))
    engine.submit(make_request(letters("abc"), max_tokens=50))
    events = run(engine)
    assert text_of(events) == "de"
    assert finishes(events)[1, 0] == Finished(1, 0, "stop", 3, 0)


def test_ignore_eos_goes_on() -> None:
    engine = make_engine(FakeRunner(script=lambda tokens: 0))
    engine.submit(make_request(letters("abc"), max_tokens=3, ignore_eos=True))
    assert finishes(run(engine))[1, 0].finish_reason == "length"


def test_a_stop_string_ends_it_and_is_not_shown() -> None:
    engine = make_engine(FakeRunner())
    engine.submit(make_request(letters("a"), max_tokens=20, stop=("fg",)))
    events = run(engine)
    assert text_of(events) == "bcde"
    assert finishes(events)[1, 0].finish_reason == "stop"


def test_a_stop_string_that_was_only_begun_is_shown_at_the_end() -> None:
    engine = make_engine(FakeRunner())
    engine.submit(make_request(letters("a"), max_tokens=4, stop=("efgh",)))
    assert text_of(run(engine)) == "bcde"


def test_no_tokens_wanted_none_computed() -> None:
    runner = FakeRunner()
    engine = make_engine(runner)
    engine.submit(make_request(letters("a"), max_tokens=0))
    assert finishes(run(engine))[1, 0] == Finished(1, 0, "length", 0, 0)
    assert runner.steps == []


def test_logprobs_come_with_the_text_of_their_tokens() -> None:
    engine = make_engine(FakeRunner())
    engine.submit(make_request(letters("a"), max_tokens=4, num_top_logprobs=2, stop=("cX", "ef")))
    deltas = [event for event in run(engine) if isinstance(event, Delta)]
    shown = [(delta.text, [chr(logprob.token) for logprob in delta.logprobs or ()]) for delta in deltas]
    assert shown == [("b", ["b"]), ("cd", ["c", "d"]), ("e", ["e"])]
    assert all(len(logprob.top) == 2 for delta in deltas for logprob in delta.logprobs or ())
