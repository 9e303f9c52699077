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

from server.chat.output.reader import OutputReader
from server.chat.parts import ContentText, OutputPart, ReasoningText, ToolCallArguments, ToolCallStarted
from server.errors import InvalidRequest, Overloaded, ParleyError
from server.protocol.messages import Delta, Finished, TokenLogprob
from server.responses.output_items import (
    BareEvent,
    CallItem,
    MessageItem,
    OutputItem,
    PartItem,
    ReasoningItem,
    logprob_object,
)

Event = dict[str, Any]

TERMINAL_TYPES = frozenset(["response.completed", "response.incomplete", "response.failed"])


def is_terminal(event: Event) -> bool:
    return str(event["type"]) in TERMINAL_TYPES


def error_event(sequence_number: int, error: ParleyError) -> Event:
    """Says precisely what went wrong; it ends nothing by itself."""
    fields = {"code": error.code, "message": error.message, "param": error.param}
    return {"type": "error", "sequence_number": sequence_number, **fields}


class ResponseBuilder:
    """One response; `response` is what `response_object.new_response` made, `reader` takes the model's text apart, and
    `new_id` makes ids with a prefix for the items."""

    def __init__(
        self,
        response: dict[str, Any],
        reader: OutputReader,
        new_id: Callable[[str], str],
        *,
        shows_logprobs: bool = False,
        seals_reasoning: bool = False,
    ) -> None:
        self._response = response
        self._reader = reader
        self._new_id = new_id
        self._shows_logprobs = shows_logprobs
        self._seals_reasoning = seals_reasoning
        self._next_number = 0
        self._items: list[OutputItem] = []
        self._is_settled = False

    @property
    def is_over(self) -> bool:
        return bool(self._response["status"] != "in_progress")

    @property
    def num_reasoning_tokens(self) -> int:
        return self._reader.num_reasoning_tokens

    @property
    def output_items(self) -> list[dict[str, Any]]:
        """The output so far; the last item may be in progress."""
        return [item.as_object for item in self._items]

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
        return self._tell(*self._reader.read(delta))

    def settle(self) -> list[Event]:
        """No more text will come: what was held back is told, and the tokens of reasoning can be counted."""
        if self._is_settled:
            return []
        self._is_settled = True
        return self._tell(*self._reader.finish())

    def finish(self, finished: Finished, usage: dict[str, Any], completed_at: int) -> list[Event]:
        """The model has come to an end, its own or that of the tokens it may use."""
        events = self.settle()
        if not self._items:
            events += self._begin(MessageItem(self._new_id("msg"), 0))
        has_stopped = finished.finish_reason == "stop"
        events += self._end_item(is_complete=has_stopped)
        if has_stopped and self._is_whole:
            return events + self._end("completed", usage=usage, completed_at=completed_at)
        reason = None if has_stopped else "max_output_tokens"
        return events + self._end("incomplete", usage=usage, incomplete_details={"reason": reason})

    def interrupt(self) -> list[Event]:
        """Nobody waits for more: the client has left."""
        return self._cut_off("incomplete", incomplete_details={"reason": None})

    def cancel(self) -> list[Event]:
        """The client has asked for its end. OpenAI has no event of that name: it is `response.incomplete`."""
        return self._cut_off("cancelled")

    def fail(self, error: ParleyError) -> list[Event]:
        """It cannot go on."""
        rest = self.settle()
        told = error_event(self._take_number(), error)
        reason = {"code": _response_error_code(error), "message": error.message}
        return [*rest, told, *self._end_early("failed", error=reason)]

    # --- the parts of the output ------------------------------------------------------------------------------------

    def _tell(self, parts: list[OutputPart], logprobs: list[TokenLogprob]) -> list[Event]:
        shown = [logprob_object(token) for token in logprobs] if self._shows_logprobs else []
        events: list[Event] = []
        for part in parts:
            match part:
                case ContentText(text):
                    # All of them come with the first text that there is: whose they are exactly, nobody knows here.
                    events += self._text(MessageItem, text, shown)
                    shown = []
                case ReasoningText(text):
                    events += self._text(ReasoningItem, text, [])
                case ToolCallStarted(_, call_id, name):
                    events += self._end_item(is_complete=True)
                    events += self._begin(CallItem(self._new_id("fc"), len(self._items), call_id, name))
                case ToolCallArguments(_, text):
                    events += self._arguments(text)
        return events

    def _text(self, kind: type[PartItem], text: str, logprobs: list[dict[str, Any]]) -> list[Event]:
        events: list[Event] = []
        item = self._open_item
        if not isinstance(item, kind):
            events += self._end_item(is_complete=True)
            item = self._new_part_item(kind)
            events += self._begin(item)
        return events + self._numbered(item.delta(text, logprobs))

    def _new_part_item(self, kind: type[PartItem]) -> PartItem:
        if kind is ReasoningItem:
            return ReasoningItem(self._new_id("rs"), len(self._items), is_sealed=self._seals_reasoning)
        return MessageItem(self._new_id("msg"), len(self._items))

    def _arguments(self, text: str) -> list[Event]:
        item = self._open_item
        if not isinstance(item, CallItem):
            raise TypeError("arguments of no call")
        return self._numbered(item.delta(text))

    @property
    def _open_item(self) -> OutputItem | None:
        return self._items[-1] if self._items and self._items[-1].status == "in_progress" else None

    def _begin(self, item: OutputItem) -> list[Event]:
        self._items.append(item)
        return self._numbered(item.begin())

    def _end_item(self, is_complete: bool) -> list[Event]:
        item = self._open_item
        if item is None:
            return []
        return self._numbered(item.end("completed" if is_complete and item.can_be_complete else "incomplete"))

    @property
    def _is_whole(self) -> bool:
        """Whether every item is complete; a call whose arguments break off is none that anybody could make."""
        return all(item.status == "completed" for item in self._items)

    # --- how it ends ------------------------------------------------------------------------------------------------

    def _cut_off(self, status: str, **fields: Any) -> list[Event]:
        return [*self.settle(), *self._end_early(status, **fields)]

    def _end_early(self, status: str, **fields: Any) -> list[Event]:
        if (item := self._open_item) is not None:
            item.status = "incomplete"
        return self._end(status, **fields)

    def _end(self, status: str, **fields: Any) -> list[Event]:
        if self.is_over:
            raise RuntimeError(f"the response is {self._response['status']} already")
        self._response = {**self._response, "status": status, **fields}
        kind = "incomplete" if status == "cancelled" else status
        return [self._event(f"response.{kind}", response=self.response)]

    def _numbered(self, events: list[BareEvent]) -> list[Event]:
        return [
            self._event(event["type"], **{key: value for key, value in event.items() if key != "type"})
            for event in events
        ]

    def _event(self, kind: str, **fields: Any) -> Event:
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
