"""Grammars in the engine: the tokens that a scripted model may say under one, and how it comes to an end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from server.engine.engine import Engine
from server.engine.grammar import compiler as grammar_compiler
from server.engine.grammar import constraint
from server.engine.grammar import trial as grammar_trial
from server.engine.grammar.compiler import MAX_CACHED, GrammarCompiler
from server.engine.grammar.constraint import Mask, fill
from server.engine.grammar.guidance import GrammarError
from server.protocol.messages import Delta, Failed, Finished
from server.protocol.values import Grammar
from tests.engine.driving import finishes, letters, make_engine, make_request, run, text_of
from tests.engine.fakes import EOG, N_VOCAB, FakeRunner
from tests.live_server import PATIENCE_SECONDS


class _Letters:
    """The part of a tokenizer that llguidance asks for; the tokens are code points."""

    eos_token_id = EOG
    bos_token_id = None
    tokens = (b"<end>", *(chr(token).encode() for token in range(1, N_VOCAB)))
    special_token_ids = (EOG,)

    def __call__(self, text: bytes) -> list[int]:
        return [ord(letter) for letter in text.decode()]


class LetterVocabulary:
    """The vocabulary of `FakeRunner`; implements `grammar.compiler.GuidedVocabulary`."""

    eog_tokens = (EOG,)

    def guidance_pieces(self) -> list[bytes]:
        return list(_Letters.tokens)

    def guidance_tokenizer(self) -> LLTokenizer:
        return LLTokenizer(TokenizerWrapper(_Letters()), eos_token=[EOG])


@pytest.fixture(scope="module")
def compiler() -> Iterator[GrammarCompiler]:
    compiler = GrammarCompiler(LetterVocabulary())
    yield compiler
    compiler.close()


def engine_saying(text: str) -> Engine:
    """Script of a model that wants to continue with the letters of `text`, from the first 'a' on, whatever came
    before."""

    def script(tokens: list[int]) -> int:
        num_said = len(tokens) - tokens.index(ord("a")) - 1
        return ord(text[num_said]) if num_said < len(text) else EOG

    return make_engine(FakeRunner(script=script))


def test_what_the_grammar_does_not_allow_is_never_said(compiler: GrammarCompiler) -> None:
    engine = engine_saying("xyzxyzxyz")
    grammar = compiler.compile(Grammar("regex", "(p|x)[qz](p|x)z"))
    engine.submit(make_request(letters("a"), max_tokens=9, grammar=grammar))
    events = run(engine)
    assert text_of(events) == "xqpz"
    assert finishes(events)[1, 0] == Finished(1, 0, "stop", 4, 0)


def test_where_the_sentence_may_end_the_model_decides(compiler: GrammarCompiler) -> None:
    grammar = compiler.compile(Grammar("regex", "[a-z]+"))
    engine = engine_saying("bye")
    engine.submit(make_request(letters("a"), max_tokens=9, grammar=grammar))
    events = run(engine)
    assert text_of(events) == "bye"
    assert finishes(events)[1, 0] == Finished(1, 0, "stop", 4, 0)


def test_a_sentence_that_may_not_end_yet_goes_on(compiler: GrammarCompiler) -> None:
    engine = make_engine(FakeRunner(script=lambda tokens: EOG))
    engine.submit(make_request(letters("a"), max_tokens=9, grammar=compiler.compile(Grammar("regex", "bcd"))))
    assert text_of(run(engine)) == "bcd"


def test_max_tokens_cuts_a_sentence_short(compiler: GrammarCompiler) -> None:
    engine = make_engine(FakeRunner())
    engine.submit(make_request(letters("a"), max_tokens=3, grammar=compiler.compile(Grammar("regex", "b{100}"))))
    events = run(engine)
    assert (text_of(events), finishes(events)[1, 0].finish_reason) == ("bbb", "length")


def test_the_grammar_s_end_wins_over_ignore_eos(compiler: GrammarCompiler) -> None:
    engine = engine_saying("b")
    grammar = compiler.compile(Grammar("regex", "b+"))
    engine.submit(make_request(letters("a"), max_tokens=9, grammar=grammar, ignore_eos=True))
    assert text_of(run(engine)) == "b"


def test_every_choice_and_every_request_follows_its_own_way(compiler: GrammarCompiler) -> None:
    engine = make_engine(FakeRunner(num_slots=4))
    engine.submit(make_request(letters("ab"), 1, num_choices=2, grammar=compiler.compile(Grammar("regex", "x+y"))))
    engine.submit(make_request(letters("ab"), 2, grammar=compiler.compile(Grammar("regex", "[0-9]{3}"))))
    engine.submit(make_request(letters("ab"), 3))
    events = run(engine)
    assert text_of(events, 1, 0) == text_of(events, 1, 1) == "xy"
    assert text_of(events, 2) == "012"
    assert text_of(events, 3) == "cdefg"


def test_logprobs_are_the_model_s_own(compiler: GrammarCompiler) -> None:
    engine = engine_saying("xyz")
    grammar = compiler.compile(Grammar("regex", "[bc]"))
    engine.submit(make_request(letters("a"), grammar=grammar, num_top_logprobs=1))
    (delta,) = [event for event in run(engine) if isinstance(event, Delta)]
    assert delta.logprobs
    chosen = delta.logprobs[0]
    assert (chr(chosen.token), chr(chosen.top[0][0])) == ("b", "x")
    assert chosen.logprob < chosen.top[0][2]


def test_a_grammar_that_cannot_be_followed_ends_its_request_only(compiler: GrammarCompiler) -> None:
    """No token of this vocabulary spells the next character, so nothing can follow."""
    engine = make_engine(FakeRunner(num_slots=4))
    grammar = compiler.compile(Grammar("regex", r"b{40}\u{20ac}"))
    engine.submit(make_request(letters("ab"), 1, max_tokens=50, num_choices=2, grammar=grammar))
    engine.submit(make_request(letters("ab"), 2))
    events = run(engine)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.request_id == 1
    assert "grammar" in failed.message
    assert failed.blames_grammar
    assert text_of(events, 1) == 40 * "b"
    assert list(finishes(events)) == [(2, 0)]


@pytest.mark.parametrize(
    "grammar",
    [
        Grammar("regex", "bc\u20ac"),
        Grammar("regex", "(unclosed"),
        Grammar("regex", "a(?=lookahead)"),
        Grammar("lark", "start: missing_rule"),
        Grammar("gbnf", 'root ::= "unclosed'),
        Grammar("json_schema", '{"type": "no such type"}'),
        Grammar("lark", "start: " + '"a" ' * 200_000),
    ],
    ids=str,
)
def test_a_bad_grammar_is_refused_with_a_reason(compiler: GrammarCompiler, grammar: Grammar) -> None:
    for _ in range(2):  # compiled, and known to be bad
        with pytest.raises(GrammarError, match=r"\w"):
            compiler.compile(grammar)


@pytest.mark.parametrize(
    ("grammar", "said"),
    [
        (Grammar("lark", 'start: "b" WORD\nWORD: /[x-z]{2}/'), "bxx"),
        (Grammar("gbnf", 'root ::= "b" word\nword ::= [x-z] [x-z]'), "bxx"),
        (Grammar("json_schema", '{"const": {"b": [1, null]}}'), '{"b":[1,null]}'),
    ],
)
def test_every_syntax_is_followed(compiler: GrammarCompiler, grammar: Grammar, said: str) -> None:
    engine = make_engine(FakeRunner(n_ctx=1000, script=lambda tokens: 1))
    engine.submit(make_request(letters("a"), max_tokens=900, grammar=compiler.compile(grammar)))
    assert "".join(text_of(run(engine)).split()) == said


def test_references_that_lead_to_references_are_followed(
    compiler: GrammarCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar_trial, "MAX_SECONDS", PATIENCE_SECONDS)
    schemas = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(5000)}
    schema = {"$defs": {**schemas, "d5000": {"const": 5}}, "$ref": "#/$defs/d0"}
    engine = make_engine(FakeRunner())
    grammar = compiler.compile(Grammar("json_schema", json.dumps(schema)))
    engine.submit(make_request(letters("a"), grammar=grammar))
    assert text_of(run(engine)) == "5"


def test_what_takes_too_long_is_given_up_and_others_are_compiled(
    compiler: GrammarCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler.compile(Grammar("regex", "a"))
    monkeypatch.setattr(grammar_trial, "MAX_SECONDS", 0.2)
    slow = {"type": "string", "allOf": [{"pattern": f"a.{{{number}}}b"} for number in range(20)]}
    with pytest.raises(GrammarError, match="seconds"):
        compiler.compile(Grammar("json_schema", json.dumps(slow)))
    monkeypatch.undo()
    compiler.compile(Grammar("regex", "b"))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited where /proc says how much there is")
def test_what_takes_too_much_memory_costs_another_process_and_others_are_compiled(
    compiler: GrammarCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar_trial, "MAX_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(grammar_trial, "RUN_SECONDS", 1.0)  # nobody else needs the core here
    with pytest.raises(GrammarError, match="MiB of memory"):
        compiler.compile(Grammar("regex", "a?" * 60_000))
    compiler.compile(Grammar("regex", "c"))


def test_a_trial_is_halted_again_and_again_and_not_while_nothing_is_tried(
    compiler: GrammarCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler.compile(Grammar("regex", "d"))
    signals: list[int] = []
    kill = os.kill

    def record(pid: int, signal_number: int) -> None:
        assert os.getpgid(pid) == pid != os.getpgrp()
        signals.append(signal_number)
        kill(pid, signal_number)

    monkeypatch.setattr(os, "kill", record)
    monkeypatch.setattr(grammar_trial, "RUN_SECONDS", 0.0)
    monkeypatch.setattr(grammar_trial, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(grammar_trial, "MAX_SECONDS", PATIENCE_SECONDS)
    for length in range(300, 350):
        if not signals:  # it may be compiled before anybody looks
            compiler.compile(Grammar("regex", f"[d-f]{{1,{length}}}"))
    num_signals = len(signals)
    assert num_signals >= 2
    assert signals == [signal.SIGSTOP, signal.SIGCONT] * (num_signals // 2)


def test_a_trial_that_is_halted_does_not_outlive_its_engine() -> None:
    starts_and_waits = (
        "import sys; from tests.engine.grammar.test_constraint import LetterVocabulary as V;"
        "from server.engine.grammar.trial import GrammarTrial;"
        "trial = GrammarTrial(V().guidance_pieces, V.eog_tokens); print(trial._start().pid, flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starts_and_waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as engine:
        assert engine.stdout is not None
        trial = psutil.Process(int(engine.stdout.readline()))
        trial.suspend()
        engine.kill()
    trial.wait(PATIENCE_SECONDS)


def test_large_grammars_are_forgotten_sooner(compiler: GrammarCompiler, monkeypatch: pytest.MonkeyPatch) -> None:
    # As large ones as are meant take a slow machine longer to compile than is allowed.
    monkeypatch.setattr(grammar_compiler, "MAX_CACHED_CHARACTERS", 8_000)
    sources = [f"{number}{'a' * 1_000}" for number in range(8)]
    compiled = [compiler.compile(Grammar("regex", source)) for source in sources]
    assert compiler.compile(Grammar("regex", sources[-1])) is compiled[-1]
    assert compiler.compile(Grammar("regex", sources[0])) is not compiled[0]


def test_a_grammar_is_compiled_once_and_forgotten_when_others_are_used(compiler: GrammarCompiler) -> None:
    first = compiler.compile(Grammar("regex", "first"))
    assert compiler.compile(Grammar("regex", "first")) is first
    for number in range(MAX_CACHED):
        compiler.compile(Grammar("regex", f"other {number}"))
    assert compiler.compile(Grammar("regex", "first")) is not first


def test_what_may_come_next_is_not_waited_for_by_others(
    compiler: GrammarCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_known = threading.Event()

    def slow_fill(mask: Mask, matcher: LLMatcher) -> None:
        is_known.wait()
        fill(mask, matcher)

    monkeypatch.setattr(constraint, "fill", slow_fill)
    engine = make_engine(FakeRunner(num_slots=4))
    engine.submit(make_request(letters("a"), 1, grammar=compiler.compile(Grammar("regex", "b[c-x]y"))))
    engine.submit(make_request(letters("ab"), 2, max_tokens=20))
    events = [event for _, event in engine.step()]
    while not finishes(events):
        events += [event for _, event in engine.step()]
    assert list(finishes(events)) == [(2, 0)]
    assert text_of(events, 1) == "b"
    is_known.set()
    assert text_of(run(engine), 1) == "cy"


def test_one_that_is_waited_for_can_be_cancelled(compiler: GrammarCompiler, monkeypatch: pytest.MonkeyPatch) -> None:
    is_known = threading.Event()
    monkeypatch.setattr(constraint, "fill", lambda mask, matcher: is_known.wait())
    engine = make_engine(FakeRunner())
    request = make_request(letters("a"), 1, grammar=compiler.compile(Grammar("regex", "b[c-x]y")))
    engine.submit(request)
    while not engine.step():
        pass
    engine.cancel(request)
    assert not engine.has_work
    is_known.set()
    engine.check()


def test_a_token_that_takes_too_long_ends_its_request(
    compiler: GrammarCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraint, "MAX_SECONDS", 0.0)
    engine = make_engine(FakeRunner())
    engine.submit(make_request(letters("a"), grammar=compiler.compile(Grammar("regex", "b[c-x]y"))))
    (failed,) = [event for event in run(engine) if isinstance(event, Failed)]
    assert "seconds" in failed.message
