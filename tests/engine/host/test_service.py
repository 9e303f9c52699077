"""The engine behind its socket: frames in, frames out, with a scripted model."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.engine.engine import Engine
from server.engine.grammar.compiler import GrammarCompiler
from server.engine.host.intake_queue import SHORT_BYTES, IntakeQueue
from server.engine.host.service import Service
from server.engine.intake.intake import Intake
from server.engine.llama.deep_stack import MAX_WORD_CHARS, WordTooLong
from server.protocol.framing import FrameReader, frame
from server.protocol.messages import (
    Accepted,
    Cancel,
    Delta,
    Detokenize,
    Event,
    Failed,
    Finished,
    ModelCard,
    ReadStats,
    Rejected,
    Stats,
    Submit,
    Tokenize,
    Tokens,
)
from server.protocol.values import Grammar, QueueKey, SamplingParams, TextPiece
from tests.backends.local.test_submission import CARD
from tests.engine.fakes import FakeRunner
from tests.engine.grammar.test_constraint import LetterVocabulary
from tests.live_server import wait_until

GREEDY = SamplingParams(temperature=0)
TIMEOUT_SECONDS = 60
GATE = threading.Event()
NUM_PLACES = 10


class Letters:
    """A vocabulary of code points; the text "trap" breaks it, and one from "gate" on takes until `GATE` is open."""

    num_tokens = 256

    def tokenize(self, pieces: list[TextPiece]) -> list[int]:
        text = "".join(piece.text for piece in pieces)
        if text == "trap":
            raise ValueError("a bug")
        if text.startswith("gate"):
            GATE.wait(TIMEOUT_SECONDS)
        return list(map(ord, text))

    def tokenize_text(self, text: str, *, parse_special: bool, adds_special: bool) -> list[int]:
        return self.tokenize([TextPiece(text, parse_special)])

    def spelled_bytes(self, token: int) -> bytes:
        return chr(token).encode()

    def text(self, tokens: list[int]) -> str:
        return "".join(map(chr, tokens))

    def token_bytes(self, token: int) -> bytes:
        return chr(token).encode()

    def shown_tokens(self, spellings: list[str]) -> dict[int, bytes]:
        return {ord(spelling): f"<{spelling}>".encode() for spelling in spellings}


class NoRules:
    """Rules for requests, none of which asks for DRY here."""

    def rule(self, params: SamplingParams) -> None:
        assert params.dry_multiplier == 0


class Worker:
    """The other end of a connection."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.connect(str(path))
        self._frames = self._read()
        self.card = msgspec.msgpack.decode(next(self._frames), type=ModelCard)

    def send(self, message: object) -> None:
        self.socket.sendall(frame(message))

    def submit(self, request_id: int, text: str, **options: object) -> None:
        values = {"pieces": [TextPiece(text, False)], "max_tokens": 3, "sampling": GREEDY, **options}
        self.send(msgspec.convert({"request_id": request_id, "type": "submit", **values}, Submit))

    def events_until(self, end: type[Event]) -> list[Event]:
        events: list[Event] = []
        while not (events and isinstance(events[-1], end)):
            events += msgspec.msgpack.decode(next(self._frames), type=list[Event])
        return events

    def _read(self) -> Iterator[bytes]:
        reader = FrameReader()
        while data := self.socket.recv(1 << 16):
            yield from reader.feed(data)


@pytest.fixture(params=["cpu", "gpu"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service[Any]]:
    runner = FakeRunner(num_slots=1, n_ctx=100_000)
    runner.is_on_gpu = request.param == "gpu"
    grammars = GrammarCompiler(LetterVocabulary())
    intake = Intake(Letters(), runner.n_ctx, NoRules(), grammars)
    service: Service[Any] = Service(Engine(runner, 10, 1000, 250), intake, CARD, IntakeQueue(NUM_PLACES, 1 << 20))
    service.listen(tmp_path / "s")
    threading.Thread(target=service.run, daemon=True).start()
    yield service
    grammars.close()


@pytest.fixture
def connect(service: Service[Any], tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    with ExitStack() as sockets:

        def connect() -> Worker:
            worker = Worker(tmp_path / "s")
            sockets.enter_context(worker.socket)
            return worker

        yield connect


def test_a_request_is_accepted_answered_and_finished(connect: Callable[[], Worker]) -> None:
    worker = connect()
    assert worker.card == CARD
    worker.submit(1, "abc", wants_prompt_text=True)
    events = worker.events_until(Finished)
    assert events[0] == Accepted(1, 3, "abc")
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "def"
    assert events[-1] == Finished(1, 0, "length", 3, 0)


def test_control_tokens_that_are_asked_for_are_written_out(connect: Callable[[], Worker]) -> None:
    worker = connect()
    worker.submit(1, "abc", shown_control_tokens=["e"])
    deltas = [event for event in worker.events_until(Finished) if isinstance(event, Delta)]
    assert [(delta.text, delta.num_tokens) for delta in deltas] == [("d", 1), ("<e>", 1), ("f", 1)]


def test_what_does_not_fit_is_rejected_with_its_numbers(connect: Callable[[], Worker]) -> None:
    worker = connect()
    worker.submit(1, "a" * 100_000)
    assert worker.events_until(Rejected) == [Rejected(1, "context_length_exceeded", 100_000, 100_000)]
    worker.submit(2, "", sampling={"logit_bias": {256: 1.0}})
    assert worker.events_until(Rejected) == [Rejected(2, "invalid_logit_bias", 0, 256)]


def test_a_grammar_is_followed_and_a_bad_one_rejected(connect: Callable[[], Worker]) -> None:
    worker = connect()
    worker.submit(1, "a", grammar=Grammar("regex", "x(y"))
    (rejected,) = worker.events_until(Rejected)
    assert isinstance(rejected, Rejected)
    assert (rejected.request_id, rejected.reason) == (1, "invalid_grammar")
    assert "unclosed" in rejected.message
    worker.submit(2, "a", grammar=Grammar("regex", "b|x{2}y"), max_tokens=9)
    assert worker.events_until(Finished)[-1] == Finished(2, 0, "stop", 1, 0)


def test_a_prompt_that_breaks_the_tokenizer_costs_only_itself(connect: Callable[[], Worker]) -> None:
    worker = connect()
    worker.submit(1, "trap")
    assert [type(event) for event in worker.events_until(Failed)] == [Failed]
    worker.submit(2, "a")
    assert worker.events_until(Finished)[-1] == Finished(2, 0, "length", 3, 0)


def test_questions_are_answered_while_the_engine_is_at_work(connect: Callable[[], Worker]) -> None:
    worker, other = connect(), connect()
    worker.submit(1, "a", max_tokens=90_000)
    worker.events_until(Delta)
    other.send(Tokenize(request_id=1, text="abc"))
    assert other.events_until(Tokens) == [Tokens(1, [97, 98, 99])]
    other.send(Tokenize(request_id=2, text="é", wants_pieces=True))
    assert other.events_until(Tokens) == [Tokens(2, [233], ["é".encode()])]
    other.send(Detokenize(request_id=3, token_ids=[97, 233]))
    assert other.events_until(Tokens) == [Tokens(3, [97, 233], [b"a", "é".encode()])]


def test_a_question_of_unknown_tokens_is_rejected_and_one_that_hits_a_bug_fails(connect: Callable[[], Worker]) -> None:
    worker = connect()
    for token in (256, -1):
        worker.send(Detokenize(request_id=1, token_ids=[97, token]))
        assert worker.events_until(Rejected) == [Rejected(1, "invalid_token", limit=256)]
    worker.send(Tokenize(request_id=2, text="trap"))
    assert [type(event) for event in worker.events_until(Failed)] == [Failed]


def test_a_cancelled_question_is_not_answered(connect: Callable[[], Worker]) -> None:
    worker = connect()
    GATE.clear()
    worker.send(Tokenize(request_id=1, text="gate"))
    worker.send(Tokenize(request_id=2, text="b"))
    worker.send(Cancel(2))
    worker.send(Tokenize(request_id=3, text="c"))
    worker.send(ReadStats(request_id=4))
    worker.events_until(Stats)  # answered by the thread that reads: it has seen all before
    GATE.set()
    assert [event.request_id for event in worker.events_until(Tokens)] == [1]
    assert [event.request_id for event in worker.events_until(Tokens)] == [3]


def test_a_cancelled_request_is_silent_and_gives_its_slot_back(connect: Callable[[], Worker]) -> None:
    worker = connect()
    worker.submit(1, "a", max_tokens=90_000)
    worker.events_until(Delta)
    worker.send(Cancel(1))
    worker.submit(2, "k")
    assert worker.events_until(Finished)[-1].request_id == 2


def test_a_worker_that_sends_rubbish_is_dropped_with_its_requests(connect: Callable[[], Worker]) -> None:
    broken, healthy = connect(), connect()
    broken.submit(1, "a", max_tokens=90_000)
    broken.events_until(Delta)
    broken.send({"no": "command"})
    healthy.submit(1, "k")
    assert healthy.events_until(Finished)[-1] == Finished(1, 0, "length", 3, 0)


def test_a_worker_that_does_not_read_gets_everything_later(connect: Callable[[], Worker]) -> None:
    sleeper, other = connect(), connect()
    sleeper.submit(1, "a", max_tokens=30_000)
    sleeper.events_until(Delta)
    other.submit(1, "k", max_tokens=5)  # waits for the slot; all that time the sleeper reads nothing
    other.events_until(Finished)
    assert sleeper.events_until(Finished)[-1] == Finished(1, 0, "length", 30_000, 0)


def test_a_line_for_which_no_stack_is_deep_enough_is_rejected(
    connect: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> list[int]:
        raise WordTooLong

    monkeypatch.setattr(Letters, "tokenize", refuse)
    monkeypatch.setattr(Letters, "tokenize_text", refuse)
    worker = connect()
    worker.submit(1, "ab")
    assert worker.events_until(Rejected) == [Rejected(1, "word_too_long", limit=MAX_WORD_CHARS)]
    worker.send(Tokenize(request_id=2, text="ab"))
    assert worker.events_until(Rejected) == [Rejected(2, "word_too_long", limit=MAX_WORD_CHARS)]


LONG_GATE = "gate" + "." * SHORT_BYTES


def test_a_short_request_is_served_while_a_long_text_is_tokenized(connect: Callable[[], Worker]) -> None:
    GATE.clear()
    worker = connect()
    for request_id in (1, 2):
        worker.send(Tokenize(request_id=request_id, text=LONG_GATE))
    worker.submit(3, "a")
    assert {event.request_id for event in worker.events_until(Finished)} == {3}
    GATE.set()
    assert {event.request_id for event in [*worker.events_until(Tokens), *worker.events_until(Tokens)]} == {1, 2}


def test_callers_take_turns_at_long_texts(connect: Callable[[], Worker]) -> None:
    GATE.clear()
    worker = connect()
    for request_id, caller in enumerate(["a", "a", "a", "a", "b", "c"]):
        worker.send(Tokenize(request_id=request_id, text=LONG_GATE, queue_key=QueueKey(caller)))
    worker.submit(100, "a")
    worker.events_until(Finished)  # all have arrived before it
    GATE.set()
    order = [event.request_id for _ in range(6) for event in worker.events_until(Tokens)]
    assert order[0] == 0
    assert max(order.index(4), order.index(5)) < order.index(2)


def test_an_intake_that_is_full_refuses_and_keeps_a_share_for_others(connect: Callable[[], Worker]) -> None:
    GATE.clear()
    worker = connect()
    for request_id in range(NUM_PLACES + 2):
        worker.send(Tokenize(request_id=request_id, text=LONG_GATE, queue_key=QueueKey("a", f"user {request_id}")))
    refused = [event for _ in range(2) for event in worker.events_until(Rejected)]
    full = [Rejected(NUM_PLACES, "overloaded", limit=NUM_PLACES), Rejected(NUM_PLACES + 1, "overloaded", 0, NUM_PLACES)]
    assert refused == full
    worker.submit(100, "a", queue_key=QueueKey("b"))
    assert {event.request_id for event in worker.events_until(Finished)} == {100}
    worker.send(ReadStats(200))
    (stats,) = worker.events_until(Stats)
    assert isinstance(stats, Stats)
    assert stats.counters["rejected"] == 2
    GATE.set()
    assert len([worker.events_until(Tokens) for _ in range(NUM_PLACES)]) == NUM_PLACES


def test_the_loop_stands_still_in_a_step_and_not_while_there_is_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    GATE.clear()
    step = Engine.step
    monkeypatch.setattr(Engine, "step", lambda *args: GATE.wait(TIMEOUT_SECONDS) and step(*args))
    grammars = GrammarCompiler(LetterVocabulary())
    engine = Engine(FakeRunner(num_slots=1, n_ctx=100), 10, 1000, 250)
    service = Service(engine, Intake(Letters(), 100, NoRules(), grammars), CARD, IntakeQueue(10, 100_000))
    service.listen(tmp_path / "s")
    threading.Thread(target=service.run, daemon=True).start()
    worker = Worker(tmp_path / "s")
    with worker.socket:
        worker.submit(1, "a")
        wait_until(lambda: service.standing_seconds > 0.2, "the loop to stand still")
        GATE.set()
        worker.events_until(Finished)
        wait_until(lambda: service.standing_seconds == 0, "the loop to rest")
    grammars.close()


# --- retiring -------------------------------------------------------------------------------------------------------


class Ends:
    """What a service says when it is told to retire."""

    def __init__(self) -> None:
        self.retired = threading.Event()
        self.busy = threading.Event()


def test_a_service_that_retires_finishes_what_it_has_and_refuses_what_comes(
    service: Service[Any], connect: Callable[[], Worker]
) -> None:
    worker, other, ends = connect(), connect(), Ends()
    worker.submit(1, "a", max_tokens=20_000)
    worker.events_until(Delta)
    service.retire(ends.retired.set)
    other.submit(1, "a")
    assert other.events_until(Rejected) == [Rejected(1, "unloading")]
    other.send(Tokenize(request_id=2, text="abc"))
    assert other.events_until(Rejected) == [Rejected(2, "unloading")]
    assert not ends.retired.is_set()
    assert worker.events_until(Finished)[-1] == Finished(1, 0, "length", 20_000, 0)
    assert ends.retired.wait(TIMEOUT_SECONDS)


def test_a_service_that_retires_finishes_what_its_intake_has(
    service: Service[Any], connect: Callable[[], Worker]
) -> None:
    worker, ends = connect(), Ends()
    GATE.clear()
    worker.submit(1, "gate")
    wait_until(lambda: service.idle_seconds is None, "the request")
    service.retire(ends.retired.set)
    assert not ends.retired.wait(0.2)
    GATE.set()
    assert worker.events_until(Finished)[-1] == Finished(1, 0, "length", 3, 0)
    assert ends.retired.wait(TIMEOUT_SECONDS)


def has_retired(service: Service[Any]) -> bool:
    """Whether it had nothing to do, and so has retired."""
    ends = Ends()
    service.retire_if_idle(ends.retired.set, ends.busy.set)
    wait_until(lambda: ends.retired.is_set() or ends.busy.is_set(), "its answer")
    return ends.retired.is_set()


def test_a_service_that_has_nothing_to_do_retires_at_once(service: Service[Any], connect: Callable[[], Worker]) -> None:
    connect()
    wait_until(lambda: has_retired(service), "the end of what it does at its start")


def test_a_service_that_is_busy_makes_no_room_and_goes_on(service: Service[Any], connect: Callable[[], Worker]) -> None:
    worker, ends = connect(), Ends()
    worker.submit(1, "a", max_tokens=90_000)
    worker.events_until(Delta)
    service.retire_if_idle(ends.retired.set, ends.busy.set)
    assert ends.busy.wait(TIMEOUT_SECONDS)
    worker.send(Cancel(1))
    worker.submit(2, "a")
    assert worker.events_until(Finished)[-1].request_id == 2
    assert not ends.retired.is_set()


def test_it_says_for_how_long_it_has_had_nothing_to_do(service: Service[Any], connect: Callable[[], Worker]) -> None:
    worker = connect()
    worker.submit(1, "a", max_tokens=90_000)
    worker.events_until(Delta)
    assert idle_seconds(service) is None
    worker.send(Cancel(1))
    first = wait_until(lambda: idle_seconds(service), "an idle moment") or 0
    assert first < TIMEOUT_SECONDS
    wait_until(lambda: (idle_seconds(service) or 0) > first, "time to pass")


def idle_seconds(service: Service[Any]) -> float | None:
    return service.idle_seconds
