"""What the endpoints work with: settings, models and database, attached to the app once by `server.app`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from flask import Flask, Response, current_app, g, request

from server.answers.stopwatch import Stopwatch
from server.backends.local.model import LocalModel
from server.backends.served import ServedModel, ServedModels
from server.chat_page import INSTALLED, ChatPage
from server.http.body import read_json_body
from server.http.body_memory import UNBOUNDED, BodyMemory
from server.http.client_watch import ClientWatch
from server.settings import Settings
from server.turns.keeper import Keeper
from storage.db.database import Database

EXTENSION = "parley"
BYTES_PER_MIB = 1 << 20


@dataclass(frozen=True)
class Services:
    settings: Settings
    models: ServedModels
    engines: Iterable[LocalModel]
    """Models of this machine, for what is asked of their engines as processes."""
    database: Database
    turns: Keeper
    body_memory: BodyMemory = UNBOUNDED
    page: ChatPage = INSTALLED
    started_at: int = field(default_factory=lambda: int(time.time()))
    """When the server was started, in seconds since the epoch."""

    def attach(self, app: Flask) -> None:
        app.extensions[EXTENSION] = self


def services() -> Services:
    """Those of the app that handles the current request."""
    return cast(Services, current_app.extensions[EXTENSION])


def json_body() -> dict[str, Any]:
    """The current request's body, within the configured bounds."""
    settings = services().settings
    max_bytes = settings.max_body_mb * BYTES_PER_MIB
    return read_json_body(request, max_bytes, settings.body_timeout_seconds, services().body_memory)


def optional_json_body() -> dict[str, Any]:
    """The current request's body; an empty object where there is none."""
    is_there = request.content_length or "Transfer-Encoding" in request.headers
    return json_body() if is_there else {}


def client_watch() -> ClientWatch:
    """A watch on the current request's client, not started yet."""
    return ClientWatch(request.environ)


def running_stopwatch() -> Stopwatch:
    """It has been running since the current request came."""
    return Stopwatch(g.started)


def wanted_model(name: str | None) -> ServedModel:
    """The model of that id or alias, the default model for None; one that requests load has been loaded.

    Raises:
        ModelNotFound, ModelNotReady: if there is none, or loading it takes too long or fails.
        ClientLeft: if the client did.
    """
    model = services().models.find(name)
    model.wait_until_loaded(client_watch())
    return model


def json_response(body: object) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
