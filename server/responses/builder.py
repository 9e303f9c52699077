"""What happens to a response, as the events of the Responses API and as the Response object at any moment.

    created . in_progress . [item added . part added . text delta* . text done . part done . item done] . terminal

The terminal event comes exactly once: completed, incomplete (the token limit, a client that left, a cancellation) or
failed, before which an `error` event names the precise error. Sequence numbers count from 0 without a gap. Events share
no mutable state with the builder. It does not know how events travel or where they are stored.
"""

from __future__ import annotations

from typing import Any

from server.engine.messages import Delta, Finished, TokenLogprob
from server.errors import InvalidRequest, Overloaded, ParleyError

Event = dict[str, Any]

TERMINAL_TYPES = frozenset(["response.completed", "response.incomplete", "response.failed"])


def is_terminal(event: Event) -> bool:
    return str(event["type"]) in TERMINAL_TYPES


def error_event(sequence_number: int, error: ParleyError) -> Event:
    """Says precisely what went wrong; it ends nothing by itself."""
    fields = {"code": error.code, "message": error.message, "param": error.param}
    return {"type": "error", "sequence_number": sequence_number, **fields}


class ResponseBuilder:
    """One response with one message of text; `response` is what `response_object.new_response` made."""

    def __init__(self, response: dict[str, Any], message_id: str, shows_logprobs: bool = False) -> None:
        self._response = response
        self._message_id = message_id
        self._shows_logprobs = shows_logprobs
        self._next_number = 0
        self._texts: list[str] = []
        self._logprobs: list[dict[str, Any]] = []
        self._has_message = False
        self._message_status = "in_progress"

    @property
    def is_over(self) -> bool:
        return bool(self._response["status"] != "in_progress")

    @property
    def text(self) -> str:
        """What the model has written so far."""
        if len(self._texts) > 1:
            self._texts = ["".join(self._texts)]
        return self._texts[0] if self._texts else ""

    @property
    def output_items(self) -> list[dict[str, Any]]:
        """The output so far; the last item may be in progress."""
        return [self._message([self._part()])] if self._has_message else []

    @property
    def response(self) -> dict[str, Any]:
        """The Response object now."""
        return {**self._response, "output": self.output_items}

    # --- what happens -----------------------------------------------------------------------------------------------

    def opening(self) -> list[Event]:
        """The events before anything is computed."""
        return [
            self._event("response.created", response=self.response),
            self._event("response.in_progress", response=self.response),
        ]

    def delta(self, delta: Delta) -> list[Event]:
        """New text."""
        events = self._begin_message()
        logprobs = [_logprob(token) for token in delta.logprobs or ()] if self._shows_logprobs else []
        self._texts.append(delta.text)
        self._logprobs += logprobs
        return [*events, self._of_part("response.output_text.delta", delta=delta.text, logprobs=logprobs)]

    def finish(self, finished: Finished, usage: dict[str, Any], completed_at: int) -> list[Event]:
        """The model has come to an end, its own or that of the tokens it may use."""
        is_complete = finished.finish_reason == "stop"
        events = self._begin_message() + self._end_message("completed" if is_complete else "incomplete")
        if is_complete:
            return events + self._end("completed", usage=usage, completed_at=completed_at)
        return events + self._end("incomplete", usage=usage, incomplete_details={"reason": "max_output_tokens"})

    def interrupt(self) -> list[Event]:
        """Nobody waits for more: the client has left."""
        return self._cut_off("incomplete", incomplete_details={"reason": None})

    def cancel(self) -> list[Event]:
        """The client has asked for its end. OpenAI has no event of that name: it is `response.incomplete`."""
        return self._cut_off("cancelled")

    def fail(self, error: ParleyError) -> list[Event]:
        """It cannot go on."""
        told = error_event(self._take_number(), error)
        reason = {"code": _response_error_code(error), "message": error.message}
        return [told, *self._cut_off("failed", error=reason)]

    # --- how it is written ------------------------------------------------------------------------------------------

    def _begin_message(self) -> list[Event]:
        if self._has_message:
            return []
        self._has_message = True
        return [
            self._event("response.output_item.added", output_index=0, item=self._message([])),
            self._of_part("response.content_part.added", part=self._part()),
        ]

    def _end_message(self, status: str) -> list[Event]:
        self._message_status = status
        part = self._part()
        return [
            self._of_part("response.output_text.done", text=self.text, logprobs=part["logprobs"]),
            self._of_part("response.content_part.done", part=part),
            self._event("response.output_item.done", output_index=0, item=self._message([part])),
        ]

    def _cut_off(self, status: str, **fields: Any) -> list[Event]:
        self._message_status = "incomplete"
        return self._end(status, **fields)

    def _end(self, status: str, **fields: Any) -> list[Event]:
        if self.is_over:
            raise RuntimeError(f"the response is {self._response['status']} already")
        self._response = {**self._response, "status": status, **fields}
        kind = "incomplete" if status == "cancelled" else status
        return [self._event(f"response.{kind}", response=self.response)]

    def _event(self, kind: str, **fields: Any) -> Event:
        return {"type": kind, "sequence_number": self._take_number(), **fields}

    def _take_number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number

    def _of_part(self, kind: str, **fields: Any) -> Event:
        return self._event(kind, item_id=self._message_id, output_index=0, content_index=0, **fields)

    def _part(self) -> dict[str, Any]:
        return {"type": "output_text", "annotations": [], "logprobs": list(self._logprobs), "text": self.text}

    def _message(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._message_id,
            "type": "message",
            "status": self._message_status,
            "content": content,
            "role": "assistant",
        }


def _response_error_code(error: ParleyError) -> str:
    """The nearest of the codes that a Response object may carry."""
    if isinstance(error, Overloaded):
        return "rate_limit_exceeded"
    return "invalid_prompt" if isinstance(error, InvalidRequest) else "server_error"


def _logprob(token: TokenLogprob) -> dict[str, Any]:
    top = [_token(token_bytes, logprob) for _, token_bytes, logprob in token.top]
    return {**_token(token.token_bytes, token.logprob), "top_logprobs": top}


def _token(token_bytes: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token_bytes.decode(errors="replace"), "logprob": logprob, "bytes": list(token_bytes)}
