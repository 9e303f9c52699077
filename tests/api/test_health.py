"""GET /healthz and /readyz, without a server."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from server.api import health
from server.api.services import EXTENSION
from server.errors.handlers import register_error_handlers
from server.http import draining
from server.protocol.runtime import RUNTIME_DIR_VARIABLE, ModelStatus, RuntimeDir, Status

READY = ModelStatus(state="ready", pid=7)
ENGINES = [SimpleNamespace(id="a", template_state=lambda: "broken: it is")]


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RuntimeDir:
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path))
    return RuntimeDir(tmp_path)


def client_of(auth: str) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(health.blueprint)
    register_error_handlers(app)
    app.extensions[EXTENSION] = SimpleNamespace(engines=ENGINES, settings=SimpleNamespace(auth=auth))
    return app.test_client()


@pytest.fixture
def client() -> FlaskClient:
    return client_of("off")


@pytest.fixture
def is_draining(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(draining, "_deadline", time.monotonic() + 10)
    yield
    monkeypatch.setattr(draining, "_deadline", math.inf)


def test_a_server_that_answers_is_alive(client: FlaskClient) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert response.headers["Cache-Control"] == "no-store"


def test_before_the_supervisor_has_said_anything_the_server_is_starting(
    client: FlaskClient, runtime: RuntimeDir
) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json) == (503, {"status": "starting", "models": {}})
    assert response.headers["Retry-After"] == "1"


def test_outside_of_a_running_server_nothing_is_ready(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNTIME_DIR_VARIABLE, raising=False)
    assert client.get("/readyz").status_code == 503


def test_a_model_that_loads_tells_its_progress(client: FlaskClient, runtime: RuntimeDir) -> None:
    loading = ModelStatus(state="loading", progress=0.42, message="reading tensors", pid=3)
    runtime.write_status(Status(models={"a": READY, "b": loading}))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json == {
        "status": "not ready",
        "models": {
            "a": {
                "state": "ready",
                "progress": None,
                "message": "",
                "retry_at": None,
                "chat_template": "broken: it is",
            },
            "b": {
                "state": "loading",
                "progress": 0.42,
                "message": "reading tensors",
                "retry_at": None,
                "chat_template": None,
            },
        },
    }
    assert response.headers["Retry-After"] == "1"


def test_a_model_that_failed_tells_when_to_come_back(client: FlaskClient, runtime: RuntimeDir) -> None:
    failed = ModelStatus(state="failed", message="there is no model file x", retry_at=time.time() + 1000)
    runtime.write_status(Status(models={"a": failed}))
    response = client.get("/readyz")
    assert response.json is not None
    assert response.json["models"]["a"]["message"] == "there is no model file x"
    assert 1 <= int(response.headers["Retry-After"]) <= 1000


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("there is no model file /srv/models/x.gguf: load it", "there is no model file x.gguf: load it"),
        ("'~/models/x.gguf' is damaged", "'x.gguf' is damaged"),
        (
            "https://example.org/a/b.gguf gave 404 after 1/2 of it",
            "https://example.org/a/b.gguf gave 404 after 1/2 of it",
        ),
    ],
)
def test_folders_are_told_only_where_there_is_one_user(runtime: RuntimeDir, message: str, told: str) -> None:
    runtime.write_status(Status(models={"a": ModelStatus(state="failed", message=message)}))
    for auth, shown in (("off", message), ("keys", told)):
        response = client_of(auth).get("/readyz")
        assert response.json is not None
        assert response.json["models"]["a"]["message"] == shown
        assert shown in str(client_of(auth).get("/health").json)


def test_an_attempt_that_is_overdue_does_not_ask_for_negative_patience(
    client: FlaskClient, runtime: RuntimeDir
) -> None:
    failed = ModelStatus(state="failed", retry_at=time.time() - 1000)
    runtime.write_status(Status(models={"a": failed}))
    assert client.get("/readyz").headers["Retry-After"] == "1"


def test_when_every_model_is_ready_so_is_the_server(client: FlaskClient, runtime: RuntimeDir) -> None:
    runtime.write_status(Status(models={"a": READY, "b": READY}))
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["status"] == "ready"
    assert "Retry-After" not in response.headers


def test_llama_servers_health_is_well_as_soon_as_one_model_can_answer(client: FlaskClient, runtime: RuntimeDir) -> None:
    loading = ModelStatus(state="loading", progress=0.42, message="reading tensors")
    for models in ({}, {"a": loading}):
        runtime.write_status(Status(models=models))
        response = client.get("/health")
        assert response.status_code == 503
        assert response.json is not None
        assert response.json["error"]["code"] == "model_not_ready"
        assert response.headers["Retry-After"] == "1"
    runtime.write_status(Status(models={"a": loading, "b": READY}))
    response = client.get("/health")
    assert (response.status_code, response.json) == (200, {"status": "ok"})


@pytest.mark.usefixtures("is_draining")
def test_a_worker_that_is_about_to_end_is_alive_but_not_ready(client: FlaskClient, runtime: RuntimeDir) -> None:
    runtime.write_status(Status(models={"a": READY}))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json is not None
    assert response.json["status"] == "stopping"
    assert client.get("/healthz").status_code == 200
    assert client.get("/health").status_code == 503
