from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import httpx2
import msgspec
import pytest
from flask import Blueprint, Flask, abort, g
from flask.testing import FlaskClient
from openai import BadRequestError, OpenAI

from server.errors.dialects import openai_body
from server.errors.handlers import register_error_handlers
from server.errors.tree import (
    ContextLengthExceeded,
    EngineFailed,
    EngineLost,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    ModelNotFound,
    ModelNotReady,
    Overloaded,
    ParleyError,
    PayloadTooLarge,
    RequestTimeout,
    ShuttingDown,
    TemplateRefused,
    UnknownPath,
    UnsupportedParameter,
)


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    register_error_handlers(app)

    @app.before_request
    def begin() -> None:
        g.request_id = "req_0123"

    @app.post("/v1/things")
    def things() -> str:
        return "fine"

    @app.get("/slash/")
    def slash() -> str:
        return "fine"

    return app


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def fail_with(app: Flask, error: Exception) -> FlaskClient:
    def view() -> str:
        raise error

    app.add_url_rule("/fail", view_func=view)
    return app.test_client()


@pytest.mark.parametrize(
    ("error", "status", "kind", "param", "code"),
    [
        (InvalidRequest("m"), 400, "invalid_request_error", None, None),
        (InvalidRequest("m", param="a[0].b", code="c"), 400, "invalid_request_error", "a[0].b", "c"),
        (ContextLengthExceeded(9000, 8192), 400, "invalid_request_error", "messages", "context_length_exceeded"),
        (UnsupportedParameter("tools", "m"), 400, "invalid_request_error", "tools", "unsupported_parameter"),
        (TemplateRefused("m"), 400, "invalid_request_error", "messages", None),
        (ModelNotFound("x"), 404, "invalid_request_error", "model", "model_not_found"),
        (UnknownPath("GET", "/x"), 404, "invalid_request_error", None, "unknown_url"),
        (MethodNotAllowed("GET", "/x", []), 405, "invalid_request_error", None, "method_not_supported"),
        (RequestTimeout(30), 408, "invalid_request_error", None, "request_timeout"),
        (PayloadTooLarge(5), 413, "invalid_request_error", None, "request_too_large"),
        (Overloaded(2), 429, "requests", None, "rate_limit_exceeded"),
        (InternalError("req_1"), 500, "server_error", None, "internal_error"),
        (EngineFailed("m"), 500, "server_error", None, "engine_failed"),
        (ModelNotReady("x", "loading", 0.5, "m", 2), 503, "server_error", None, "model_not_ready"),
        (EngineLost("x"), 503, "server_error", None, "engine_lost"),
        (ShuttingDown(), 503, "server_error", None, "shutting_down"),
    ],
)
def test_each_error_has_its_form_on_the_wire(
    app: Flask, error: ParleyError, status: int, kind: str, param: str | None, code: str | None
) -> None:
    response = fail_with(app, error).get("/fail")
    assert response.status_code == status
    assert response.mimetype == "application/json"
    assert response.json == msgspec.to_builtins(openai_body(error))
    assert response.json == {"error": {"message": str(error), "type": kind, "param": param, "code": code}}


def test_the_context_error_carries_its_numbers() -> None:
    error = ContextLengthExceeded(8000, 8192, 500, param="prompt")
    assert (error.num_prompt_tokens, error.n_ctx, error.num_max_tokens, error.param) == (8000, 8192, 500, "prompt")
    for number in ("8000", "8192", "500"):
        assert number in str(error)


CLIENTS_WORDS = (
    r"this model's maximum context length is",  # LiteLLM, in lower case
    r"maximum context length is \d+ tokens",  # pi, opencode
    r"prompt is too long",  # pi, opencode, LiteLLM
    r"prompt is too long[^0-9]*(\d+) tokens > (\d+)",  # those that read Anthropic's numbers
    r"maximum context length",  # CrewAI
)


@pytest.mark.parametrize("words", CLIENTS_WORDS)
@pytest.mark.parametrize("is_estimate", [False, True])
def test_a_prompt_that_is_too_long_is_so_in_words_that_clients_match(words: str, is_estimate: bool) -> None:
    for num_prompt_tokens in (9000, 8192):
        message = str(ContextLengthExceeded(num_prompt_tokens, 8192, is_estimate=is_estimate))
        assert re.search(words, message, re.IGNORECASE)
        assert f"{num_prompt_tokens} tokens > " in message
        assert "length is 8192 tokens" in message


def test_a_prompt_as_long_as_the_context_is_longer_than_what_it_may_be() -> None:
    assert "8192 tokens > 8191 maximum" in str(ContextLengthExceeded(8192, 8192))
    assert "9000 tokens > 8192 maximum" in str(ContextLengthExceeded(9000, 8192))


def test_a_model_that_is_not_ready_says_why_and_how_far_it_is() -> None:
    message = str(ModelNotReady("m", "downloading", 0.421, "2 of 5 GB", 1))
    assert message == "The model 'm' is not ready (downloading, 42% done): 2 of 5 GB"


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1.5, "2"), (60, "60")])
def test_retry_after_is_a_whole_number_of_seconds_and_never_zero(app: Flask, seconds: float, header: str) -> None:
    assert fail_with(app, Overloaded(seconds)).get("/fail").headers["Retry-After"] == header


def test_an_unknown_path_is_named(client: FlaskClient) -> None:
    response = client.get("/v1/thing")
    assert response.status_code == 404
    assert response.json is not None
    assert "GET /v1/thing" in response.json["error"]["message"]


def test_a_wrong_method_gets_those_that_are_allowed(client: FlaskClient) -> None:
    response = client.put("/v1/things")
    assert response.status_code == 405
    assert response.headers["Allow"] == "OPTIONS, POST"
    assert response.json is not None
    assert "It answers OPTIONS, POST." in response.json["error"]["message"]


def test_a_clients_own_text_is_repeated_only_in_part(client: FlaskClient) -> None:
    assert len(client.get("/" + "x" * 5000).data) < 1000
    assert len(str(ModelNotFound("x" * 5000))) < 400


def test_a_redirect_stays_a_redirect(client: FlaskClient) -> None:
    assert client.get("/slash").status_code == 308


def test_an_abort_keeps_its_status(app: Flask) -> None:
    app.add_url_rule("/teapot", view_func=lambda: abort(418))
    response = app.test_client().get("/teapot")
    assert response.status_code == 418
    assert response.json is not None
    assert response.json["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("error", [ZeroDivisionError("a secret"), OSError("a secret"), KeyError("a secret")])
def test_a_bug_is_logged_with_the_request_id_and_not_told(
    app: Flask, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    with caplog.at_level(logging.ERROR, "server.errors.handlers"):
        response = fail_with(app, error).get("/fail")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "req_0123" in response.text
    (record,) = caplog.records
    assert "req_0123" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_path_cannot_forge_log_lines(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def view(name: str) -> str:
        raise ValueError(name)

    app.add_url_rule("/fail/<name>", view_func=view)
    app.test_client().get("/fail/a%0aERROR forged")
    assert "\n" not in caplog.records[0].getMessage()


def test_the_openai_client_understands_the_body(app: Flask) -> None:
    def view() -> str:
        raise ContextLengthExceeded(9000, 8192)

    app.add_url_rule("/v1/chat/completions", view_func=view, methods=["POST"])
    transport = httpx2.Client(transport=httpx2.WSGITransport(app=app))
    openai = OpenAI(api_key="x", base_url="http://parley/v1", http_client=transport, max_retries=0)
    with openai, pytest.raises(BadRequestError, match="9000") as caught:
        openai.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


# --- dialects -------------------------------------------------------------------------------------------------------


def test_the_blueprint_says_which_body_an_error_has() -> None:
    app = Flask(__name__)
    for name in ("foreign", "ours"):
        blueprint = Blueprint(name, __name__, url_prefix=f"/{name}")
        blueprint.add_url_rule("/fail", view_func=_fail)
        app.register_blueprint(blueprint)
    register_error_handlers(app, {"foreign": lambda error: {"type": "error", "says": error.message}})
    client = app.test_client()
    foreign, ours = client.get("/foreign/fail"), client.get("/ours/fail")
    assert (foreign.status_code, foreign.json) == (429, {"type": "error", "says": "Too many."})
    assert (ours.status_code, ours.json) == (429, msgspec.to_builtins(openai_body(Overloaded(1, "Too many."))))
    assert foreign.headers["Retry-After"] == ours.headers["Retry-After"] == "1"


def _fail() -> str:
    raise Overloaded(1, "Too many.")
