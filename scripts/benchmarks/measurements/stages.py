"""The way of a chat request to the engine, stage by stage, each stage called directly and timed on its own.

It calls the functions that the server calls, in the server's order, outside of any server; only the last stage talks to
a real engine, over its socket, as a worker does.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from schemas.chat_completions import load_chat_completion
from scripts.benchmarks.asking.work import WorkRefused, chat
from scripts.benchmarks.report import Figure, figure
from server.answers.request import Caller
from server.api.chat_completions.request import chat_request
from server.backends.local.prompt import render_prompt
from server.backends.local.submission import chat_submit
from server.chat.output.plan import OutputPlan
from server.chat.template.template import ChatTemplate
from server.chat.tools import NO_TOOLS
from server.http.strict_json import decode_object
from server.protocol.framing import FrameReader, frame
from server.protocol.messages import Event, ModelCard, Rejected, Submit
from server.protocol.values import TextPiece
from server.settings import Settings

NUM_WARM_UP = 20
NUM_TURNS = 4
MICROSECONDS = 1e6
CALLER = Caller(queue_key="bench", cache_scope="")
PARAGRAPH = "The harbour lay quiet in the morning, and nobody had yet come down to look after the boats. " * 3


class EngineLink:
    """A connection to an engine, as plain as a socket can be."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(path))
        self._reader = FrameReader()
        self.card: ModelCard = msgspec.msgpack.decode(self._frame(), type=ModelCard)

    def __enter__(self) -> EngineLink:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def refuse(self, submit: Submit) -> None:
        """Have the engine refuse a request, which it does without a step."""
        self._socket.sendall(frame(submit))
        (event,) = msgspec.msgpack.decode(self._frame(), type=list[Event])
        if not isinstance(event, Rejected):
            raise WorkRefused(f"The engine was to refuse a prompt that has no such token; it sent {event}.")

    def _frame(self) -> bytes:
        while not (bodies := self._reader.feed(self._socket.recv(65536))):
            pass
        return bodies[0]


def conversation() -> bytes:
    """The body of a chat request with a few turns behind it."""
    roles = ["system", *["user", "assistant"] * NUM_TURNS, "user"]
    body: dict[str, Any] = chat("", 64) | {"messages": [{"role": role, "content": PARAGRAPH} for role in roles]}
    return json.dumps(body).encode()


def stage_figures(engine: Path, num_repeats: int) -> dict[str, Figure]:
    """Microseconds of each stage."""
    body = conversation()
    document = decode_object(body)
    wanted = load_chat_completion(document)
    settings = Settings()
    with EngineLink(engine) as link:
        card = link.card
        template = ChatTemplate(card.chat_template, card.bos_token, card.eos_token, card.control_spellings)

        def render() -> list[TextPiece]:
            return render_prompt(template, chat_request(wanted, settings, None), NO_TOOLS)

        def message() -> Submit:
            return chat_submit(chat_request(wanted, settings, None), card, pieces, OutputPlan(), CALLER)

        pieces = render()
        submit = message()
        impossible = msgspec.structs.replace(submit, pieces=[], token_ids=[card.n_vocab])
        stages: dict[str, Callable[[], object]] = {
            f"JSON of {len(body)} bytes": lambda: decode_object(body),
            f"schema, {len(document['messages'])} messages": lambda: load_chat_completion(document),
            "chat template": render,
            "message to the engine": lambda: frame(message()),
            "to the engine and back": lambda: link.refuse(impossible),
        }
        return {f"{name} (us)": figure(microseconds(stage, num_repeats)) for name, stage in stages.items()}


def microseconds(stage: Callable[[], object], num_repeats: int) -> list[float]:
    """How long each call takes, once it is warm."""
    for _ in range(NUM_WARM_UP):
        stage()
    times = []
    for _ in range(num_repeats):
        start = perf_counter()
        stage()
        times.append((perf_counter() - start) * MICROSECONDS)
    return times
