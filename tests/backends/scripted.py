"""A backend without an engine: it answers every conversation with the parts of a script.

All that a backend has to implement is here, in one file; it knows nothing of templates, tokens or processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import gevent
from gevent.queue import SimpleQueue

from server.answers.answer import Batch, ClientLeft
from server.answers.backend import Card, Features
from server.answers.parts import ChoicePart, End
from server.answers.request import Caller, ChatRequest
from server.answers.usage import Usage
from server.errors.tree import ParleyError
from server.http.client_watch import ClientWatch


class ScriptedAnswer:
    """Implements `Answer`: one part a batch, for every choice; an error in the script is raised."""

    def __init__(self, script: Sequence[ChoicePart | ParleyError], request: ChatRequest) -> None:
        self._script = script
        self._num_prompt_tokens = len(request.messages)
        self._left: SimpleQueue[None] = SimpleQueue()
        self._num_told = 0
        self.num_choices = request.num_choices
        self.is_started = False
        self.is_closed = False

    @property
    def usage(self) -> Usage:
        return Usage(self._num_prompt_tokens, self._num_told, 0)

    def start(self) -> None:
        self.is_started = True

    def batches(self, silence_seconds: float | None = None) -> Iterator[Batch]:
        for part in self._script:
            gevent.sleep(0)
            if not self._left.empty():
                raise ClientLeft
            if isinstance(part, ParleyError):
                raise part
            self._num_told += not isinstance(part, End)
            yield [(index, part) for index in range(self.num_choices)]

    def rest(self) -> Batch:
        return []

    def abandon(self) -> None:
        self._left.put(None)

    def hang_up(self) -> None: ...

    def close(self) -> None:
        self.is_closed = True


class ScriptedBackend:
    """Implements `Backend`."""

    purpose = "says what a test tells it, and nothing else."

    def __init__(self, *script: ChoicePart | ParleyError) -> None:
        self.script = script
        self.requests: list[ChatRequest] = []
        self.answers: list[ScriptedAnswer] = []

    def card(self) -> Card:
        return Card(n_ctx=1000, temperature=0.5)

    def require_card(self) -> Card:
        return self.card()

    def answer(self, request: ChatRequest, caller: Caller, watch: ClientWatch) -> ScriptedAnswer:
        self.requests.append(request)
        self.answers.append(ScriptedAnswer(self.script, request))
        return self.answers[-1]

    def features(self) -> Features:
        return Features(calls_tools=True)

    def count(self, request: ChatRequest, caller: Caller, watch: ClientWatch) -> int:
        return len(request.messages)
