"""Every way in which a request can fail.

ParleyError
  InvalidRequest 400              the request itself is wrong; `param` names the field
    ContextLengthExceeded         prompt and completion do not fit the context
    UnsupportedParameter          OpenAI knows this parameter, this server does not (yet)
    TemplateRefused               the model's chat template raised on these messages
    ConversationBusy              another turn is going on in this conversation
    ItemSentTwice                 an item of that id is in the conversation already
  Unauthorized 401                nobody says who is asking, or nobody who is known
  Forbidden 403                   whoever asks must not
    AdminOnly                     only admins may do this
    HostNotAllowed                it calls the server by a name of its own
    OriginNotAllowed              it is of another site, and wants something changed
  NotFound 404
    ModelNotFound                 no model of that name
    RecordMissing                 no conversation, item, response, ... of that id, or not for this user
    UnknownPath                   no endpoint of that path
  ResponseGone 409                deleted, or given up for dead, while it was being made
  MethodNotAllowed 405
  RequestTimeout 408              the body did not arrive in time
  PayloadTooLarge 413
  Overloaded 429                  the queue is full; come back later
  InternalError 500               a bug; the log has the traceback under the request id
  EngineFailed 500                the engine could not go on with this request, and says why
  Unavailable 503                 right request, wrong moment; come back later
    ModelNotReady                 the model is being downloaded, loaded or restarted
    ModelNotLoaded                the model is loaded only when somebody says so
    ModelTooLarge                 there will never be memory for the model
    ModelUnloaded                 somebody had the model unloaded under this request
    EngineLost                    the engine process died under this request
    DatabaseUnavailable           the database cannot be reached, or was busy for too long
    ShuttingDown                  this worker takes no new requests, or cannot wait for this one any longer

Raise these anywhere on the HTTP side; some have files of their own beside this one. Each carries its numbers, a status
and the headers of its answer. What body it has on the wire is its dialect's business (`server.errors.dialects`); this
module imports nothing of ours.
"""

from __future__ import annotations

import math
from typing import ClassVar

MAX_ECHO = 200
"""Characters of a client's own text that an error message repeats at most."""

DO_NOT_RETRY = {"x-should-retry": "false"}
"""OpenAI's clients would otherwise repeat a request on a 409 or 5xx, and a turn would be stored twice."""


class ParleyError(Exception):
    """A request failed; `str()` is the message for the client."""

    status: int = 500
    type: ClassVar[str] = "invalid_request_error"
    default_code: ClassVar[str | None] = None
    default_param: ClassVar[str | None] = None

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param if param is not None else self.default_param
        self.code = code if code is not None else self.default_code

    @property
    def headers(self) -> dict[str, str]:
        """What the response carries besides the body."""
        return {}


class InvalidRequest(ParleyError):
    """The request is wrong and would be wrong again."""

    status = 400


class ContextLengthExceeded(InvalidRequest):
    """Prompt, or prompt and wanted completion, are longer than a sequence may be. All numbers are in tokens.

    Clients match the message to decide whether to compact: the first sentence begins as OpenAI's, "prompt is too long:
    ... tokens > ... maximum" is Anthropic's.
    """

    default_code = "context_length_exceeded"
    default_param = "messages"

    def __init__(
        self,
        num_prompt_tokens: int,
        n_ctx: int,
        num_max_tokens: int | None = None,
        *,
        param: str | None = None,
        is_estimate: bool = False,
    ) -> None:
        wanted = f"{'about ' if is_estimate else ''}{num_prompt_tokens} tokens"
        room = min(n_ctx, num_prompt_tokens - 1)  # a prompt as long as the context leaves no room for an answer
        if num_max_tokens is not None:
            wanted, room = f"{wanted}, and {num_max_tokens} more were asked for", n_ctx
        super().__init__(
            f"This model's maximum context length is {n_ctx} tokens. However, your prompt is too long: "
            f"{wanted} > {room} maximum. Please shorten it.",
            param=param,
        )
        self.num_prompt_tokens, self.n_ctx, self.num_max_tokens = num_prompt_tokens, n_ctx, num_max_tokens


class UnsupportedParameter(InvalidRequest):
    """A parameter of OpenAI's that this server, or this model, cannot honour."""

    default_code = "unsupported_parameter"

    def __init__(self, param: str, reason: str, *, code: str | None = None) -> None:
        super().__init__(f"'{param}' is not supported: {reason}", param=param, code=code)
        self.reason = reason


class TemplateRefused(InvalidRequest):
    """The chat template raised; the message is the template's own."""

    default_param = "messages"


class ConversationBusy(InvalidRequest):
    """One turn at a time. Status and words are OpenAI's, but for the last sentence."""

    default_code = "conversation_locked"
    default_param = "conversation"

    def __init__(self, response_id: str) -> None:
        words = "Another process is currently operating on this conversation. Please retry in a few seconds."
        super().__init__(f"{words} It makes the response '{response_id}'.")
        self.response_id = response_id


class ItemSentTwice(InvalidRequest):
    """An item of this id is in the conversation already; the words are OpenAI's."""

    default_code = "duplicate_item"
    default_param = "items"

    def __init__(self, public_id: str, *, param: str | None = None) -> None:
        super().__init__(f"Duplicate item found with id {public_id}. Remove it, or its id, and try again.", param=param)


class Unauthorized(ParleyError):
    """The credentials are missing or wrong; `challenge` is what the header WWW-Authenticate says about that."""

    status = 401
    default_code = "invalid_api_key"

    def __init__(self, message: str, challenge: str, *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.challenge = challenge

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": self.challenge}


class Forbidden(ParleyError):
    """Whoever asks is known, or is a web page, and must not ask for this."""

    status = 403


class NotFound(ParleyError):
    """There is no such thing, or not for this user."""

    status = 404


class ModelNotFound(NotFound):
    """No model has this id or alias."""

    default_code = "model_not_found"
    default_param = "model"

    def __init__(self, model: str) -> None:
        super().__init__(f"The model '{echo(model)}' does not exist; GET /v1/models lists those that do.")
        self.model = model


class RecordMissing(NotFound):
    """There is no `kind` of thing with this id, or it is another user's. The words are OpenAI's."""

    def __init__(self, kind: str, public_id: str) -> None:
        super().__init__(f"{kind.capitalize()} with id '{echo(public_id)}' not found.")
        self.kind, self.public_id = kind, public_id


class ResponseGone(ParleyError):
    """The response was deleted while it was being made, or was given up for dead: nothing more of it is stored."""

    status = 409
    default_code = "response_gone"

    def __init__(self, response_id: str) -> None:
        super().__init__(f"The response '{echo(response_id)}' was deleted or given up while it was being generated.")
        self.response_id = response_id

    @property
    def headers(self) -> dict[str, str]:
        return DO_NOT_RETRY


class UnknownPath(NotFound):
    """No endpoint has this path."""

    default_code = "unknown_url"

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"Unknown request URL: {echo(method)} {echo(path)}. Please check it for typos.")
        self.method, self.path = method, path


class MethodNotAllowed(ParleyError):
    """The path exists, but not for this method."""

    status = 405
    default_code = "method_not_supported"

    def __init__(self, method: str, path: str, allowed_methods: list[str]) -> None:
        self.allowed_methods = sorted(allowed_methods)
        hint = f" It answers {', '.join(self.allowed_methods)}." if allowed_methods else ""
        super().__init__(f"{echo(method)} is not allowed on {echo(path)}.{hint}")

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.allowed_methods)}


class RequestTimeout(ParleyError):
    """The request's body did not arrive in time."""

    status = 408
    default_code = "request_timeout"

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__(f"The request body did not arrive within {timeout_seconds:g} seconds.")
        self.timeout_seconds = timeout_seconds


class PayloadTooLarge(ParleyError):
    """The request's body is longer than the server accepts."""

    status = 413
    default_code = "request_too_large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The request body is too large: at most {max_bytes} bytes are accepted.")
        self.max_bytes = max_bytes


class _TryLater(ParleyError):
    """A failure that waiting may cure."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = max(1, math.ceil(retry_after_seconds))

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_seconds)}


class Overloaded(_TryLater):
    """The queue is full."""

    status = 429
    type = "requests"
    default_code = "rate_limit_exceeded"

    def __init__(
        self, retry_after_seconds: float, message: str = "Too many requests are waiting. Please retry later."
    ) -> None:
        super().__init__(message, retry_after_seconds)


class InternalError(ParleyError):
    """A bug of ours. The client learns only where the log can be searched."""

    status = 500
    type = "server_error"
    default_code = "internal_error"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"The server failed on this request. Its log says more under the request id {request_id}.")
        self.request_id = request_id


class EngineFailed(ParleyError):
    """The engine could not go on with this request; the message is the engine's own."""

    status = 500
    type = "server_error"
    default_code = "engine_failed"


class Unavailable(_TryLater):
    """The request is right, the moment is not."""

    status = 503
    type = "server_error"


class ModelNotReady(Unavailable):
    """The model is being downloaded, loaded or restarted, or could not be loaded.

    `state` is the supervisor's word for it, `progress` goes from 0 to 1 where it is known, `message` says why.
    """

    default_code = "model_not_ready"

    def __init__(
        self, model: str, state: str, progress: float | None, message: str, retry_after_seconds: float
    ) -> None:
        share = f", {progress:.0%} done" if progress is not None else ""
        detail = f": {message}" if message else "."
        super().__init__(f"The model '{echo(model)}' is not ready ({state}{share}){detail}", retry_after_seconds)
        self.model = model
        self.state = state
        self.progress = progress


class EngineLost(Unavailable):
    """The engine process died under this request; it is being restarted, and trying again is right."""

    default_code = "engine_lost"

    def __init__(self, model: str, retry_after_seconds: float = 1) -> None:
        super().__init__(
            f"The engine of the model '{echo(model)}' was lost during this request and is being restarted. "
            "Please retry.",
            retry_after_seconds,
        )
        self.model = model


class DatabaseUnavailable(Unavailable):
    """The database did not answer. Unless `may_have_happened`, nothing was done and trying again is right.

    `is_unwritable`: it takes nothing, not even that something is deleted, until whoever runs the server has seen to it.
    """

    default_code = "database_unavailable"

    def __init__(
        self, retry_after_seconds: float, *, may_have_happened: bool = False, is_unwritable: bool = False
    ) -> None:
        advice = "It may have done what was asked; please look." if may_have_happened else "Please retry."
        message = f"The database does not answer. {advice}"
        if is_unwritable:
            message = (
                "The database cannot be written to: its disk is full, or it may only be read. Nothing was done. "
                "Please tell whoever runs this server."
            )
        super().__init__(message, retry_after_seconds)
        self.may_have_happened = may_have_happened
        self.is_unwritable = is_unwritable

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, **(DO_NOT_RETRY if self.may_have_happened or self.is_unwritable else {})}


class ShuttingDown(Unavailable):
    """This worker is finishing its last requests; `has_begun` says that this one was among them and took too long."""

    default_code = "shutting_down"

    def __init__(self, retry_after_seconds: float = 1, *, has_begun: bool = False) -> None:
        what = "could not wait for the end of this request" if has_begun else "takes no new requests"
        super().__init__(f"The server is shutting down and {what}.", retry_after_seconds)


def echo(text: str) -> str:
    """A client's own text, short enough to be repeated to it."""
    return text if len(text) <= MAX_ECHO else text[:MAX_ECHO] + "..."
