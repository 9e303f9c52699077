"""Asks an engine what its vocabulary alone can answer, for a client that may leave meanwhile.

It does not know JSON or which endpoint asks.
"""

from __future__ import annotations

from gevent.queue import SimpleQueue

from server.answers.answer import ClientLeft
from server.backends.local.engine_client import Arrival, EngineGone, NotConnected
from server.backends.local.generation import BAD_TOKEN, LONG_LINE, OVERLOAD_RETRY_SECONDS
from server.backends.local.model import LocalModel
from server.errors.tree import EngineFailed, InvalidRequest, Overloaded, ParleyError, ShuttingDown
from server.http import draining
from server.http.client_watch import ClientWatch
from server.protocol.messages import Failed, Question, Rejected, Tokens


def ask(model: LocalModel, question: Question, watch: ClientWatch, param: str) -> Tokens:
    """The engine's answer; `param` is what the endpoint calls what is asked about.

    Raises:
        ParleyError: if there is none.
        ClientLeft: if the client did.
    """
    answers: SimpleQueue[Arrival | Exception] = SimpleQueue()

    def on_deadline(_event: object) -> None:
        answers.put(ShuttingDown(has_begun=True))

    try:
        ticket = model.client.submit(question, answers)
    except NotConnected:
        raise model.not_ready() from None
    try:
        watch.start(lambda: answers.put(ClientLeft()))
        draining.deadline_event.rawlink(on_deadline)
        return _checked(model, answers.get(), param)
    finally:
        draining.deadline_event.unlink(on_deadline)
        watch.stop()
        ticket.cancel()


def _checked(model: LocalModel, answer: Arrival | Exception, param: str) -> Tokens:
    match answer:
        case Tokens():
            return answer
        case Rejected(reason="unloading"):
            raise model.not_ready()
        case Rejected():
            raise _refusal(answer, param)
        case EngineGone():
            raise model.lost()
        case Failed(_, message, _):
            raise EngineFailed(message)
        case Exception():
            raise answer
        case _:
            raise TypeError(f"the engine sent {answer!r}")


def _refusal(rejected: Rejected, param: str) -> ParleyError:
    match rejected.reason:
        case "overloaded":
            return Overloaded(OVERLOAD_RETRY_SECONDS)
        case "word_too_long":
            return InvalidRequest(LONG_LINE.format(rejected.limit), param=param)
        case _:
            return InvalidRequest(BAD_TOKEN.format(rejected.limit - 1), param=param)
