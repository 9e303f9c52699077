"""May this web page ask? Keeps pages that a user's browser happens to show from using the user's server.

Whoever opens a page lets it send requests to every address that the browser reaches, Parley's included. Two things give
it away, and no page can forge them:

    Host      names the server as the page does. A name of the page's own that its owner lets point here (DNS rebinding)
              makes the browser take us for a part of that site, and hand it our answers.
    Origin    names the site of the page, with everything that changes something; Sec-Fetch-Site says whether that is
              ours. Answers are kept from other sites by CORS (`server.app`), but what they ask for would be done.

It does not know who is asking, nor what for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from flask import Flask, Request, request

from server.errors.forbidden import HostNotAllowed, OriginNotAllowed
from server.settings import Settings
from server.settings.hosts import is_host_allowed, split_port

STORED_PATHS = r"/v1/(conversations|prompts|responses)(/.*)?$"
MANAGED_PATHS = r"(/v1)?/models/(.+/)?(load|unload)$"
"""What changes the server for everybody."""

LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$"

HARMLESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOREIGN_SITES = frozenset({"cross-site", "same-site"})
"""What Sec-Fetch-Site says of pages of another origin than ours."""


def guard_against_web_pages(app: Flask, settings: Settings) -> None:
    """Refuse what comes from pages that must not ask."""
    app.before_request(_host_check(settings.effective_allowed_hosts))
    app.before_request(_origin_check(settings))


def origins_for_stored(settings: Settings) -> list[str]:
    """Web origins whose pages may read what is stored.

    Without authentication and with every origin allowed, any page that the user visits could read their conversations;
    so then only pages from this machine may, until the operator names origins.
    """
    if settings.auth == "off" and "*" in settings.cors_origins:
        return [LOOPBACK_ORIGIN]
    return list(settings.cors_origins)


def _origins_that_store(settings: Settings) -> list[str]:
    """Web origins whose pages may change what is stored: also where a proxy may know the user by a cookie.

    An API key is nothing that a browser sends by itself.
    """
    if settings.auth == "header" and "*" in settings.cors_origins:
        return [LOOPBACK_ORIGIN]
    return origins_for_stored(settings)


def _host_check(allowed: tuple[str, ...]) -> Callable[[], None]:
    def check_host() -> None:
        host = request.headers.get("Host", "")
        if not is_host_allowed(host, allowed):
            raise HostNotAllowed(host)

    return check_host


def _origin_check(settings: Settings) -> Callable[[], None]:
    guarded_path = re.compile(f"{STORED_PATHS}|{MANAGED_PATHS}")
    for_stored, for_others = _origins_that_store(settings), list(settings.cors_origins)

    def check_origin() -> None:
        if request.method in HARMLESS_METHODS:
            return
        allowed = for_stored if guarded_path.match(request.path) else for_others
        if "*" not in allowed and not _comes_from(request, allowed):
            raise OriginNotAllowed(request.headers.get("Origin"))

    return check_origin


def _comes_from(request: Request, allowed: Iterable[str]) -> bool:
    """Whether a request comes from a page of these origins, of our own, or of none at all, as programs' do."""
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") not in FOREIGN_SITES
    return any(_is(origin, one) for one in allowed) or _is_own(origin, request.headers.get("Host", ""))


def _is(origin: str, allowed: str) -> bool:
    return re.fullmatch(allowed, origin) is not None if allowed == LOOPBACK_ORIGIN else origin == allowed


def _is_own(origin: str, host: str) -> bool:
    """Whether a page came from this server; a proxy in front may have made https of http."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if split_port(parts.netloc.lower())[0] != split_port(host.lower())[0]:
        return False
    default_port = "443" if parts.scheme == "https" else "80"
    return (split_port(parts.netloc)[1] or default_port) == (split_port(host)[1] or default_port)
