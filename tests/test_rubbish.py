from __future__ import annotations

from io import BytesIO

import pytest
from flask import Flask, Response, request

from schemas.chat_completions import load_chat_completion
from schemas.completions import load_completion
from schemas.fields.errors import SchemaError
from server.api.chat_completions.request import chat_request
from server.backends.local.prompt import refuse_media
from server.errors.handlers import error_response, register_error_handlers
from server.errors.tree import InvalidRequest, ModelNotFound
from server.http.body import read_json_body
from server.settings import Settings
from tests.rubbish import BASES, CHAT, COMPLETIONS, Rubbish, flaw, rubbish

MAX_BODY_BYTES = 1_000_000
SETTINGS = Settings()


def generate() -> str:
    """What the real endpoints do before a model is involved."""
    body = read_json_body(request, MAX_BODY_BYTES, timeout_seconds=30)
    if request.path == CHAT:
        chat = load_chat_completion(body)
        _find(chat.model)
        refuse_media(chat_request(chat, SETTINGS, None))
    else:
        _find(load_completion(body).model)
    return "generated"


def _find(model: str | None) -> None:
    if model not in (None, "demo"):
        raise ModelNotFound(model)


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask(__name__)
    app.add_url_rule(CHAT, view_func=generate, methods=["POST"])
    app.add_url_rule(COMPLETIONS, view_func=generate, methods=["POST"], endpoint="completions")
    register_error_handlers(app)

    @app.errorhandler(SchemaError)
    def schema_error(error: SchemaError) -> Response:
        return error_response(InvalidRequest(error.message, param=error.param, code=error.code))

    return app


def send(app: Flask, bad: Rubbish) -> str | None:
    length = bad.headers.get("Content-Length", str(len(bad.body)))
    framing = {"HTTP_TRANSFER_ENCODING": "chunked"} if bad.is_chunked else {"CONTENT_LENGTH": length}
    response = app.test_client().open(
        bad.path,
        method=bad.method,
        headers=bad.headers,
        input_stream=BytesIO(bad.body),
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": "", **framing},
    )
    return flaw(bad, response.status_code, response.headers.get("Content-Type", ""), response.data)


def test_every_malformed_request_gets_a_proper_error(app: Flask) -> None:
    requests = rubbish(seed=1, max_body_bytes=MAX_BODY_BYTES)
    flaws = [f"{bad.name}: {found}" for bad in requests if (found := send(app, bad))]
    assert len(requests) >= 2000
    assert flaws == []


def test_the_bodies_that_are_made_wrong_were_right_before(app: Flask) -> None:
    for path, body in BASES.items():
        response = app.test_client().post(path, json=body)
        assert (response.status_code, response.text) == (200, "generated")


def test_the_same_seed_makes_the_same_requests() -> None:
    assert rubbish(seed=7, max_body_bytes=1000) == rubbish(seed=7, max_body_bytes=1000)
    assert rubbish(seed=7, max_body_bytes=1000) != rubbish(seed=8, max_body_bytes=1000)


def test_an_answer_that_is_no_openai_error_is_a_flaw() -> None:
    bad = Rubbish("", CHAT, b"")
    good = b'{"error":{"message":"m","type":"t","param":null,"code":null}}'
    assert flaw(bad, 400, "application/json", good) is None
    assert "500" in (flaw(bad, 500, "application/json", good) or "")
    assert "text/html" in (flaw(bad, 400, "text/html", good) or "")
    assert flaw(bad, 400, "application/json", b'{"detail":"m"}') is not None
    assert flaw(bad, 400, "application/json", good.replace(b'"m"', b'""')) is not None
