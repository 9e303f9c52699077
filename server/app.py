"""The only place where the parts meet: settings, models and endpoints become one Flask app.

`create_app` runs in every gunicorn worker, after the fork.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import time

import gevent
from flask import Flask, Response, g, request
from flask_cors import CORS

from schemas.fields.errors import SchemaError
from server import database_start
from server.answers.answer import ClientLeft
from server.api import (
    compactions,
    conversation_items,
    conversations,
    embeddings,
    health,
    metrics,
    models,
    prompts,
    responses,
    search,
    status,
    tokens,
    web,
)
from server.api.chat_completions import view as chat_completions
from server.api.completions import view as completions
from server.api.services import Services
from server.api.storage_errors import client_error
from server.auth.authentication import allowed_headers, authenticate_requests
from server.auth.web_pages import STORED_PATHS, guard_against_web_pages, origins_for_stored
from server.backends.local.engines import Engines
from server.backends.served import ServedModels
from server.errors.handlers import error_response, register_error_handlers
from server.errors.tree import InvalidRequest, ShuttingDown
from server.http import draining
from server.http.body_memory import BodyMemory
from server.models.catalogue import Catalogue
from server.protocol.runtime import STARTED_VARIABLE, RuntimeDir
from server.settings import Settings, load_settings
from server.turns.keeper import Keeper
from storage.db.database import Database
from storage.errors import StorageError

logger = logging.getLogger(__name__)

RESOURCES = (
    chat_completions,
    compactions,
    completions,
    conversation_items,
    conversations,
    embeddings,
    health,
    metrics,
    models,
    prompts,
    responses,
    search,
    status,
    tokens,
    web,
)

UNVERSIONED = ((chat_completions, "/chat/completions"), (embeddings, "/embeddings"), (models, "/models"))
"""Resources that llama-server has without /v1 as well, which its users' clients have in their settings."""

ALWAYS_ANSWERED = (None, health.blueprint.name, metrics.blueprint.name, web.blueprint.name)
"""Blueprints that a worker which is about to end goes on with; None is paths that do not exist."""

PUBLIC = frozenset({health.blueprint.name, web.blueprint.name})
"""Blueprints that answer whoever asks, without a key."""

EXPOSED_HEADERS = ["x-request-id", "openai-processing-ms", "retry-after", "retry-after-ms"]
"""What a browser's script may read of a response from another origin."""

CLOSE_SECONDS = 0.5
"""How long a worker that ends waits for a database that does not answer."""

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that left; nobody reads it but the log."""


def create_app(settings: Settings | None = None) -> Flask:
    """The app of one worker. The runtime directory comes from the environment that gunicorn.conf.py made."""
    settings = settings or load_settings()
    runtime_dir = RuntimeDir.from_environment()
    if runtime_dir is None:
        raise RuntimeError("there is no runtime directory: start the server with gunicorn.conf.py")
    catalogue = Catalogue.from_settings(settings)
    engines = Engines(catalogue, runtime_dir, settings.max_waiting_requests)
    models = ServedModels(catalogue, engines.backends)
    engines.on_found, engines.on_gone = models.add, models.remove
    engines.start()
    database = Database(settings.storage_url)
    database_start.start_in_background(database, settings)
    atexit.register(_close, database)
    body_memory = BodyMemory(settings.max_bodies_bytes)
    started_at = int(os.environ[STARTED_VARIABLE])
    return assemble(Services(settings, models, engines, database, Keeper(database), body_memory, started_at=started_at))


def assemble(services: Services) -> Flask:
    """The endpoints over what they work with, whatever backends the models have."""
    settings = services.settings
    app = Flask("parley", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # or else two in a row are answered with a redirect, in HTML
    services.attach(app)
    for resource in RESOURCES:
        app.register_blueprint(resource.blueprint)
    for resource, path in UNVERSIONED:
        app.register_blueprint(resource.blueprint, name=f"{resource.blueprint.name}_unversioned", url_prefix=path)
    app.before_request(_begin)
    guard_against_web_pages(app, settings)
    authenticate_requests(app, settings, services.database, PUBLIC)
    app.after_request(_end)
    register_error_handlers(app)
    app.register_error_handler(SchemaError, _schema_error)
    app.register_error_handler(StorageError, _storage_error)
    app.register_error_handler(ClientLeft, _client_left)
    CORS(
        app,
        resources={
            STORED_PATHS: {"origins": origins_for_stored(settings)},
            r"/.*": {"origins": list(settings.cors_origins)},
        },
        allow_headers=allowed_headers(settings),
        expose_headers=EXPOSED_HEADERS,
        max_age=86_400,
    )
    return app


def _close(database: Database) -> None:
    """So that the last one leaves a single file of SQLite behind, and PostgreSQL no lost connections in its log."""
    with gevent.Timeout(CLOSE_SECONDS, False):
        database.close()


def _begin() -> None:
    g.request_id = f"req_{secrets.token_hex(16)}"
    g.started = time.perf_counter()
    if draining.is_draining() and request.blueprint not in ALWAYS_ANSWERED:
        raise ShuttingDown


def _end(response: Response) -> Response:
    milliseconds = int((time.perf_counter() - g.started) * 1000)
    response.headers["x-request-id"] = g.request_id
    response.headers["openai-processing-ms"] = str(milliseconds)
    response.headers["X-Content-Type-Options"] = "nosniff"
    path = request.path.encode("unicode_escape").decode()  # a path must not write lines of its own into the log
    line = f"{g.request_id} {request.method} {path} {response.status_code}"
    level = logging.DEBUG if request.blueprint == health.blueprint.name else logging.INFO
    started = g.started
    response.call_on_close(lambda: logger.log(level, "%s in %.3f s", line, time.perf_counter() - started))
    return response


def _schema_error(error: SchemaError) -> Response:
    return error_response(InvalidRequest(error.message, param=error.param, code=error.code))


def _storage_error(error: StorageError) -> Response:
    return error_response(client_error(error))


def _client_left(_error: ClientLeft) -> Response:
    return Response(status=CLIENT_CLOSED_REQUEST)
