"""What happens to a response, as the events of the Responses API and as the Response object at any moment.

    created . in_progress . (an item's events)* . terminal

What the model writes is taken apart into items: reasoning, messages and function calls, each as it comes; at most the
last of them is still growing.
The terminal event comes exactly once: completed, incomplete (the token limit, a call that breaks off, a client that
left, a cancellation) or failed, before which an `error` event names the precise error. Sequence numbers count from 0
without a gap. Events share no mutable state with the builder. It does not know how events travel or where they are
stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.answers.parts import (
    ContentText,
    End,
    FinishReason,
    OutputPart,
    ReasoningText,
    ToolCallArguments,
    ToolCallStarted,
)
from server.answers.stopwatch import Stopwatch
from server.answers.usage import Usage
from server.errors.tree import InvalidRequest, Overloaded, ParleyError
from server.responses.output_items import (
    BareEvent,
    CallItem,
    MessageItem,
    OutputItem,
    PartItem,
    ReasoningItem,
    SummarizedReasoningItem,
    logprob_object,
)
from server.responses.response_object import as_json, usage_object
from server.turns.teller import WireEvent

TERMINAL_TYPES = frozenset(["response.completed", "response.incomplete", "response.failed"])

OPEN_ENDED = (".added", ".delta")
"""Ends of the types of events that promise nothing yet."""

CUT_OFF_REASONS: dict[FinishReason, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""OpenAI's words for what ended a response early."""


def terminal_type(status: str) -> str:
    """The type of the event that ends a response of that status. OpenAI has none for a cancelled one."""
    return f"response.{'incomplete' if status == 'cancelled' else status}"


def is_terminal(event: WireEvent) -> bool:
    return str(event["type"]) in TERMINAL_TYPES


def error_event(sequence_number: int, error: ParleyError) -> WireEvent:
    """Says precisely what went wrong; it ends nothing by itself."""
    fields = {"code": error.code, "message": error.message, "param": error.param}
    return {"type": "error", "sequence_number": sequence_number, **fields}


class ResponseBuilder:
    """Implements `Teller` for one response.

    `response` is what `response_object.new_response` made, and `new_id` makes ids with a prefix for the items.
    `stopwatch` runs; it is told of the parts here.
    """

    def __init__(
        self,
        response: dict[str, Any],
        new_id: Callable[[str], str],
        stopwatch: Stopwatch,
        *,
        shows_logprobs: bool = False,
        seals_reasoning: bool = False,
        summarizes_reasoning: bool = False,
        prefix: str = "",
    ) -> None:
        """`prefix` is what the message begins with before the model has said anything."""
        self._response = response
        self._new_id = new_id
        self._stopwatch = stopwatch
        self._shows_logprobs = shows_logprobs
        self._seals_reasoning = seals_reasoning
        self._reasoning_kind = SummarizedReasoningItem if summarizes_reasoning else ReasoningItem
        self._next_number = 0
        self._items: list[OutputItem] = []
        self._prefixed: list[BareEvent] = self._begun_with(prefix) if prefix else []

    @property
    def is_over(self) -> bool:
        return bool(self._response["status"] != "in_progress")

    @property
    def items(self) -> list[dict[str, Any]]:
        """The output so far; the last item may be in progress."""
        return [item.as_object for item in self._items]

    @property
    def body(self) -> dict[str, Any]:
        """The Response object now."""
        return {**self._response, "output": self.items}

    # --- what happens -----------------------------------------------------------------------------------------------

    def opening(self) -> list[WireEvent]:
        """The events before anything is computed."""
        empty = {**self._response, "output": []}
        return [
            self._event("response.created", response=empty),
            self._event("response.in_progress", response=empty),
            *self._numbered(self._prefixed),
        ]

    def take(self, part: OutputPart) -> list[WireEvent]:
        """The model has made more."""
        self._stopwatch.see_part()
        match part:
            case ContentText(text, logprobs):
                shown = [logprob_object(token) for token in logprobs] if self._shows_logprobs else []
                return self._text(MessageItem, text, shown)
            case ReasoningText(text):
                return self._text(ReasoningItem, text, [])
            case ToolCallStarted(_, call_id, name):
                ended = self._end_item(is_complete=True)
                return ended + self._begin(CallItem(self._new_id("fc"), len(self._items), call_id, name))
            case ToolCallArguments(_, text):
                return self._arguments(text)

    def finish(self, end: End, usage: Usage, now: int) -> list[WireEvent]:
        """The model has come to an end, its own or that of the tokens it may use; `now` in seconds since the epoch."""
        events: list[WireEvent] = []
        if not self._items:
            events += self._begin(MessageItem(self._new_id("msg"), 0))
        reason = CUT_OFF_REASONS.get(end.finish_reason)
        events += self._end_item(is_complete=reason is None)
        if reason is None and self._is_whole:
            return events + self._end("completed", usage, now)
        return events + self._end("incomplete", usage, now, incomplete_details={"reason": reason})

    def interrupt(self, usage: Usage, now: int) -> list[WireEvent]:
        """Nobody waits for more: the client has left."""
        return self._end_early("incomplete", usage, now, incomplete_details={"reason": None})

    def cancel(self, usage: Usage, now: int) -> list[WireEvent]:
        """The client has asked for its end."""
        return self._end_early("cancelled", usage, now)

    def fail(self, error: ParleyError, usage: Usage, now: int) -> list[WireEvent]:
        """It cannot go on."""
        told = error_event(self._take_number(), error)
        reason = {"code": _response_error_code(error), "message": error.message}
        return [told, *self._end_early("failed", usage, now, error=reason)]

    def unkept(self, error: ParleyError, sequence_number: int) -> WireEvent:
        """The event that is told in place of an end that could not be stored."""
        return error_event(sequence_number, error)

    def is_open_ended(self, event: WireEvent) -> bool:
        """Whether an event promises nothing yet."""
        return str(event["type"]).endswith(OPEN_ENDED)

    # --- the parts of the output ------------------------------------------------------------------------------------

    def _text(self, kind: type[PartItem], text: str, logprobs: list[dict[str, Any]]) -> list[WireEvent]:
        events: list[WireEvent] = []
        item = self._open_item
        if not isinstance(item, kind):
            events += self._end_item(is_complete=True)
            item = self._new_part_item(kind)
            events += self._begin(item)
        return events + self._numbered(item.delta(text, logprobs))

    def _begun_with(self, prefix: str) -> list[BareEvent]:
        item = MessageItem(self._new_id("msg"), 0)
        self._items.append(item)
        return [*item.begin(), *item.delta(prefix, [])]

    def _new_part_item(self, kind: type[PartItem]) -> PartItem:
        if kind is ReasoningItem:
            return self._reasoning_kind(self._new_id("rs"), len(self._items), is_sealed=self._seals_reasoning)
        return MessageItem(self._new_id("msg"), len(self._items))

    def _arguments(self, text: str) -> list[WireEvent]:
        item = self._open_item
        if not isinstance(item, CallItem):
            raise TypeError("arguments of no call")
        return self._numbered(item.delta(text))

    @property
    def _open_item(self) -> OutputItem | None:
        return self._items[-1] if self._items and self._items[-1].status == "in_progress" else None

    def _begin(self, item: OutputItem) -> list[WireEvent]:
        self._items.append(item)
        return self._numbered(item.begin())

    def _end_item(self, is_complete: bool) -> list[WireEvent]:
        item = self._open_item
        if item is None:
            return []
        return self._numbered(item.end("completed" if is_complete and item.can_be_complete else "incomplete"))

    @property
    def _is_whole(self) -> bool:
        """Whether every item is complete; a call whose arguments break off is none that anybody could make."""
        return all(item.status == "completed" for item in self._items)

    # --- how it ends ------------------------------------------------------------------------------------------------

    def _end_early(self, status: str, usage: Usage, now: int, **fields: Any) -> list[WireEvent]:
        if (item := self._open_item) is not None:
            item.status = "incomplete"
        return self._end(status, usage, now, **fields)

    def _end(self, status: str, usage: Usage, now: int, **fields: Any) -> list[WireEvent]:
        if self.is_over:
            raise RuntimeError(f"the response is {self._response['status']} already")
        spent = {"usage": usage_object(usage), "timings": as_json(self._stopwatch.timings(usage)), "completed_at": now}
        self._response = {**self._response, "status": status, **spent, **fields}
        return [self._event(terminal_type(status), response=self.body)]

    def _numbered(self, events: list[BareEvent]) -> list[WireEvent]:
        return [
            self._event(event["type"], **{key: value for key, value in event.items() if key != "type"})
            for event in events
        ]

    def _event(self, kind: str, **fields: Any) -> WireEvent:
        return {"type": kind, "sequence_number": self._take_number(), **fields}

    def _take_number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number


def _response_error_code(error: ParleyError) -> str:
    """The nearest of the codes that a Response object may carry."""
    if isinstance(error, Overloaded):
        return "rate_limit_exceeded"
    return "invalid_prompt" if isinstance(error, InvalidRequest) else "server_error"
