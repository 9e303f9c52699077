"""Who is asking? Turns a request's credentials into a user, before any endpoint sees the request.

    off       everybody who reaches the server is the one local user, who is only looked up where somebody needs him,
              so that what is stateless works without a database
    keys      Authorization: Bearer <key>, or x-api-key: <key>
    header    a trusted proxy names the user, who is created when first named

What the database says is believed for a few seconds, so a key that is revoked or a user who is disabled is locked out
by every worker within that time, and the answers that are being written for them end (`standing`). Keys themselves are
neither kept nor logged. This module does not know what a user may do, or how keys are made.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import time
from collections.abc import Callable, Set
from functools import partial
from typing import Generic, Protocol, TypeVar, cast

import gevent
from flask import Flask, Request, current_app, g, request

from server.answers.request import Caller
from server.auth.standing import Check, StandingWatch
from server.auth.user_names import InvalidUserName, parse_user_name
from server.errors.forbidden import AdminOnly
from server.errors.tree import Unauthorized
from server.settings import Settings
from server.settings.proxies import TrustedProxies
from storage import keys, users
from storage.db.database import Database
from storage.errors import StorageError
from storage.records import ApiKey, User

logger = logging.getLogger(__name__)

EXTENSION = "parley_auth"
SHARED_CACHE = "parley_shared_cache"
STANDING = "parley_standing"
NOTHING: Set[str] = frozenset()
BELIEVED_SECONDS = 3.0
MAX_BELIEVED = 10_000
MAX_KEY_LENGTH = 200
"""Far more than our own keys have; what is longer is not even looked up."""

ACCOUNT_DEACTIVATED = "account_deactivated"

T = TypeVar("T")


# --- for endpoints --------------------------------------------------------------------------------------------------


def current_user() -> User:
    """Whom the current request comes from.

    Raises:
        StorageUnavailable: if that takes the database (`auth = off` only, for the first few calls) and it is down.
    """
    if "user" not in g:
        g.user = _authenticator().identify(request)
    return cast(User, g.user)


def current_caller() -> Caller:
    """The same for the engine. It takes no database where nobody has to be recognised."""
    authenticator = _authenticator()
    caller = authenticator.caller(request)
    if authenticator.is_needed:
        standing: StandingWatch = current_app.extensions[STANDING]
        watch_standing = partial(standing.watch, authenticator.check_again(request))
        caller = dataclasses.replace(caller, watch_standing=watch_standing)
    return dataclasses.replace(caller, cache_scope="") if current_app.extensions[SHARED_CACHE] else caller


def require_admin() -> None:
    """Let only admins go on. Where users are not told apart, everybody is one.

    Raises:
        AdminOnly: if the current request comes from somebody else.
    """
    if _authenticator().is_needed and not current_user().is_admin:
        raise AdminOnly


def _authenticator() -> Authenticator:
    return cast(Authenticator, current_app.extensions[EXTENSION])


# --- for the app ----------------------------------------------------------------------------------------------------


def authenticate_requests(app: Flask, settings: Settings, database: Database, public: Set[str] = NOTHING) -> None:
    """Let only those in whom the settings let in; the blueprints of these names are open to everybody."""
    app.extensions[EXTENSION] = make_authenticator(settings, database)
    app.extensions[SHARED_CACHE] = settings.kv_cache_scope == "shared"
    app.extensions[STANDING] = StandingWatch()
    app.before_request(partial(_check_credentials, public))


def allowed_headers(settings: Settings) -> str | re.Pattern[str]:
    """Which headers a web page of another origin may send: all, but not the one that names the user.

    The browser may well run on a trusted machine, and what it shows is no trusted proxy.
    """
    if settings.auth != "header":
        return "*"
    return re.compile(rf"(?!{re.escape(settings.header_user)}$)", re.IGNORECASE)


def _check_credentials(public: Set[str]) -> None:
    # A browser asks beforehand, with OPTIONS and without credentials, whether it may send some.
    if request.blueprint not in public and request.method != "OPTIONS" and _authenticator().is_needed:
        current_user()


# --- the three ways -------------------------------------------------------------------------------------------------


class Authenticator(Protocol):
    is_needed: bool
    """Whether a request that names nobody must be refused."""

    def identify(self, request: Request) -> User:
        """Raise Unauthorized if it comes from nobody who is known."""
        ...

    def caller(self, request: Request) -> Caller: ...

    def check_again(self, request: Request) -> Check:
        """A check that raises Unauthorized when whoever sent the request is not let in any more."""
        ...


def make_authenticator(settings: Settings, database: Database) -> Authenticator:
    match settings.auth:
        case "off":
            return NoAuthentication(database)
        case "keys":
            return KeyAuthentication(database)
        case "header":
            return HeaderAuthentication(database, settings.header_user, TrustedProxies(settings.trusted_proxies))


class NoAuthentication:
    """`auth = off`."""

    is_needed = False

    def __init__(self, database: Database) -> None:
        self._database = database
        self._believed: Believed[User] = Believed()

    def identify(self, request: Request) -> User:
        return self._believed.get("", lambda: self._database.run(users.local_user))

    def caller(self, request: Request) -> Caller:
        """Machines take turns, and all share what is cached: they are one user."""
        return Caller(queue_key=request.remote_addr or "", cache_scope="")

    def check_again(self, request: Request) -> Check:
        return lambda: None


class _KnownUsers:
    """What the two ways have in common that tell users apart."""

    is_needed = True

    def caller(self, request: Request) -> Caller:
        user = current_user()
        return Caller(queue_key=user.public_id, cache_scope=user.public_id)


class KeyAuthentication(_KnownUsers):
    """`auth = keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._believed: Believed[tuple[User, ApiKey] | None] = Believed()
        self._uses = _Uses(database)

    def identify(self, request: Request) -> User:
        secret = presented_key(request)
        if len(secret) > MAX_KEY_LENGTH or not secret.isascii():
            raise _incorrect_key()
        # Not the key itself, which has no business in memory once the request is over.
        return self._recognise(keys.hash_of(secret))

    def check_again(self, request: Request) -> Check:
        return partial(self._recognise, keys.hash_of(presented_key(request)))

    def _recognise(self, digest: str) -> User:
        found = self._believed.get(digest, lambda: self._ask(digest))
        if found is None or found[1].is_expired(time.time()):
            raise _incorrect_key()
        return found[0]

    def _ask(self, digest: str) -> tuple[User, ApiKey] | None:
        found = self._database.run(keys.recognise, digest)
        if found is not None and keys.is_use_to_be_noted(found[1]):
            self._uses.note(found[1].id)
        return found


class _Uses:
    """Uses of keys that are still to be stored. Requests do not wait for it, as whoever holds the database's lock may
    hold it for long; one thread of the storage does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key_ids: set[int] = set()
        self._is_storing = False

    def note(self, key_id: int) -> None:
        self._key_ids.add(key_id)
        if not self._is_storing:
            self._is_storing = True
            gevent.spawn(self._store)

    def _store(self) -> None:
        try:
            while self._key_ids:
                self._database.run(keys.note_use, self._key_ids.pop())
        except StorageError as error:
            logger.warning("The last use of a key is not stored: %s", error)
        finally:
            self._is_storing = False


def presented_key(request: Request) -> str:
    """The key that a request carries; `Authorization` counts before `x-api-key`.

    Raises:
        Unauthorized: if there is none, or nothing that can be understood as one.
    """
    scheme, *credentials = request.headers.get("Authorization", "").split() or [""]
    if scheme.lower() == "bearer" and credentials:
        if len(credentials) > 1:
            raise Unauthorized("The Authorization header has more than one word after 'Bearer'.", MALFORMED_KEY)
        return credentials[0]
    if other := request.headers.get("X-Api-Key", "").strip():
        return other
    raise Unauthorized(
        "You didn't provide an API key. Send one in the Authorization header as Bearer auth "
        "(Authorization: Bearer YOUR_KEY). Whoever runs this server can make one with `parley keys create`.",
        MISSING_KEY,
    )


MISSING_KEY = 'Bearer realm="parley"'
MALFORMED_KEY = 'Bearer realm="parley", error="invalid_request"'
INCORRECT_KEY = 'Bearer realm="parley", error="invalid_token"'
"""What the header WWW-Authenticate says, in the words of RFC 6750."""


def _incorrect_key() -> Unauthorized:
    return Unauthorized("Incorrect API key provided: it is unknown, expired or revoked.", INCORRECT_KEY)


class HeaderAuthentication(_KnownUsers):
    """`auth = header`."""

    def __init__(self, database: Database, header: str, proxies: TrustedProxies) -> None:
        self._database = database
        self._header = header
        self._proxies = proxies
        self._believed: Believed[User] = Believed()

    def identify(self, request: Request) -> User:
        return self._let_in(self._named_user(request))

    def check_again(self, request: Request) -> Check:
        return partial(self._let_in, self._named_user(request))

    def _let_in(self, name: str) -> User:
        user = self._believed.get(name, lambda: self._database.run(users.get_or_create, name))
        if user.is_disabled:
            raise self._refusal("This user has been disabled.", ACCOUNT_DEACTIVATED)
        return user

    def _named_user(self, request: Request) -> str:
        if (request.remote_addr or "") not in self._proxies:
            raise self._refusal(f"{request.remote_addr or 'A unix socket'} is not among the trusted proxies.")
        value = request.headers.get(self._header)
        if value is None:
            raise self._refusal(f"The header {self._header}, in which a proxy names the user, is missing.")
        try:
            return parse_user_name(value.encode("latin-1").decode())
        except (InvalidUserName, UnicodeError):
            raise self._refusal(f"The header {self._header} names no user: {InvalidUserName.RULE}.") from None

    def _refusal(self, message: str, code: str | None = None) -> Unauthorized:
        # HTTP wants every 401 to say how it could be better; for this way there is no word but the header's own.
        return Unauthorized(message, f'{self._header} realm="parley"', code=code)


# --- not asking the database every time -----------------------------------------------------------------------------


class Believed(Generic[T]):
    """Answers that still count for a few seconds, at most `max_size` of them."""

    def __init__(self, seconds: float = BELIEVED_SECONDS, max_size: int = MAX_BELIEVED) -> None:
        self._seconds = seconds
        self._max_size = max_size
        self._answers: dict[str, tuple[float, T]] = {}  # from the oldest to the newest

    def get(self, question: str, ask: Callable[[], T]) -> T:
        asked_at, answer = self._answers.get(question, (None, None))
        if asked_at is not None and time.monotonic() < asked_at + self._seconds:
            return cast(T, answer)
        return self._remember(question, time.monotonic(), ask())

    def _remember(self, question: str, asked_at: float, answer: T) -> T:
        self._answers.pop(question, None)
        while len(self._answers) >= self._max_size:
            del self._answers[next(iter(self._answers))]
        self._answers[question] = asked_at, answer
        return answer
