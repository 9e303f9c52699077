"""The chat page: `/`, `/c/<conversation>` and what it loads. Its files are `server.chat_page`'s.

Anybody may have it, without a key: it is the same for all, and asks `/v1` for everything with the key of whoever uses
it. Its address says which conversation it shows, which is for the page to read; this module does not know whether there
is such a conversation.
"""

from __future__ import annotations

from html import escape

from flask import Blueprint, Response, abort, request

from server.api.services import services
from server.chat_page import HOW_TO_BUILD, KINDS, PageFile

blueprint = Blueprint("web", __name__)

NO_CACHE = "no-cache"
"""Kept, and asked for again each time."""
IMMUTABLE = "public, max-age=31536000, immutable"
"""Names of assets say what is in them."""
FOR_A_DAY = "public, max-age=86400"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""No script or style but the page's files, no other host, no frame, and no HTML made of text."""

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

NOT_BUILT = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Parley: no chat page yet</title>
    <link rel="icon" href="data:," />
  </head>
  <body>
    <main>
      <h1>The chat page is not built</h1>
      <p>The API is up: programs find it below /v1, and <a href="/readyz">/readyz</a> says whether the models can
      answer.</p>
      <p>To build the page, run this in the checkout of Parley, and load this address again. The server need not be
      restarted.</p>
      <pre>{command}</pre>
      <p>It needs PyPI and the npm registry, and says what is missing.</p>
    </main>
  </body>
</html>
"""


@blueprint.get("/")
@blueprint.get("/c/<conversation_id>")
def get_page(conversation_id: str | None = None) -> Response:
    index = services().page.index()
    return _response(index, NO_CACHE) if index else _not_built()


@blueprint.get("/assets/<name>")
def get_asset(name: str) -> Response:
    return _response(services().page.asset(name) or abort(404), IMMUTABLE)


@blueprint.get("/licenses.txt")
def get_licenses() -> Response:
    return _response(services().page.licenses() or abort(404), NO_CACHE)


@blueprint.get("/favicon.ico")
def get_icon() -> Response:
    """For browsers that show something else than the page, such as /readyz; the page names its own."""
    return _response(services().page.icon() or abort(404), FOR_A_DAY)


@blueprint.after_request
def _secure(response: Response) -> Response:
    response.headers.update(SECURITY_HEADERS)
    if response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    return response


def _response(file: PageFile, cache_control: str) -> Response:
    """A file, compressed if the client takes that, or 304 if the client has it."""
    response = Response(file.content, content_type=file.content_type)
    response.headers["Cache-Control"] = cache_control
    if file.compressed is not None:
        response.vary.add("Accept-Encoding")
        if request.accept_encodings["gzip"] > 0:
            response.data = file.compressed
            response.headers["Content-Encoding"] = "gzip"
    response.add_etag()
    response.make_conditional(request)
    return response


def _not_built() -> Response:
    return Response(NOT_BUILT.format(command=escape(HOW_TO_BUILD)), status=503, content_type=KINDS["html"])
