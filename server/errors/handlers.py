"""From errors to responses: ours, werkzeug's, and any other exception.

It does not know which endpoints exist, and never sees a stream: what happens after the first byte is for the stream to
say, with a body of the same dialect.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from flask import Flask, Response, current_app, g, request
from werkzeug import exceptions as http

from server.errors.dialects import Dialect, openai_body
from server.errors.tree import InternalError, InvalidRequest, MethodNotAllowed, ParleyError, UnknownPath

logger = logging.getLogger(__name__)

EXTENSION = "parley_error_dialects"
NO_DIALECTS: Mapping[str, Dialect] = MappingProxyType({})


def error_response(error: ParleyError) -> Response:
    """The whole response for a request that failed before its first byte, in the dialect of its blueprint."""
    dialects: Mapping[str, Dialect] = current_app.extensions.get(EXTENSION, {})
    body = msgspec.json.encode(dialects.get(request.blueprint or "", openai_body)(error))
    return Response(body, status=error.status, headers=error.headers, mimetype="application/json")


def register_error_handlers(app: Flask, dialects: Mapping[str, Dialect] = NO_DIALECTS) -> None:
    """Make `app` answer every failure with a body of its blueprint's dialect: OpenAI's, unless `dialects` names one."""
    app.extensions[EXTENSION] = dialects
    app.register_error_handler(ParleyError, error_response)
    app.register_error_handler(http.HTTPException, _http_error_response)
    app.register_error_handler(Exception, _unexpected_error_response)


def _http_error_response(error: http.HTTPException) -> Any:
    if error.response is not None or (error.code or 500) < 400:
        return error
    return error_response(_translated(error))


def _translated(error: http.HTTPException) -> ParleyError:
    """Our word for what werkzeug, Flask or a view's `abort` raised."""
    if isinstance(error, http.NotFound):
        return UnknownPath(request.method, request.path)
    if isinstance(error, http.MethodNotAllowed):
        return MethodNotAllowed(request.method, request.path, list(error.valid_methods or ()))
    if (error.code or 500) >= 500:
        return _internal_error(error)
    translated = InvalidRequest(error.description or error.name)
    translated.status = error.code or translated.status
    return translated


def _unexpected_error_response(error: Exception) -> Response:
    return error_response(_internal_error(error))


def _internal_error(error: Exception) -> InternalError:
    request_id = str(g.get("request_id", "unknown"))
    logger.error("%s: %s %r failed", request_id, request.method, request.path, exc_info=error)
    return InternalError(request_id)
