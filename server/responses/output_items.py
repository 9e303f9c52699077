"""The items of a response while they grow: a message, reasoning, a function call. Each knows the events of its life.

    message        item added . part added . output_text.delta* . output_text.done . part done . item done
    reasoning      item added . part added . reasoning_text.delta* . reasoning_text.done . part done . item done
    summarized     item added . summary part added . reasoning_summary_text.delta* . done . part done . item done
    function call  item added . function_call_arguments.delta* . function_call_arguments.done . item done

Events are told without their sequence number, and share nothing with the item that changes. It does not know which
item comes when.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from server.chat.calls.json_scanner import is_whole_object
from server.protocol.values import TokenLogprob
from server.responses.opaque import sealed_text

BareEvent = dict[str, Any]
"""An event without its sequence number."""


class OutputItem(ABC):
    """One item; it grows until it has ended."""

    def __init__(self, item_id: str, index: int) -> None:
        self._id = item_id
        self._index = index
        self._texts: list[str] = []
        self.status = "in_progress"

    @property
    def text(self) -> str:
        """What the model has written of it so far."""
        if len(self._texts) > 1:
            self._texts = ["".join(self._texts)]
        return self._texts[0] if self._texts else ""

    @property
    def can_be_complete(self) -> bool:
        """Whether it may be called complete if the model ends here."""
        return True

    @property
    @abstractmethod
    def as_object(self) -> dict[str, Any]:
        """The item as it goes on the wire, now."""

    @abstractmethod
    def begin(self) -> list[BareEvent]:
        """It is there, and has nothing yet."""

    @abstractmethod
    def end(self, status: str) -> list[BareEvent]:
        """It is as it will stay."""

    def _event(self, kind: str, **fields: Any) -> BareEvent:
        return {"type": f"response.{kind}", "item_id": self._id, "output_index": self._index, **fields}

    def _item_event(self, kind: str, item: dict[str, Any]) -> BareEvent:
        return {"type": f"response.output_item.{kind}", "output_index": self._index, "item": item}


class PartItem(OutputItem):
    """An item whose text is its one part."""

    kind: str
    """Of the part, and of the events."""

    @abstractmethod
    def part(self) -> dict[str, Any]:
        """The part as it is now."""

    @abstractmethod
    def with_content(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        """The item with these parts."""

    def extras(self, logprobs: list[dict[str, Any]]) -> dict[str, Any]:
        """What events with text have besides it."""
        return {}

    @property
    def as_object(self) -> dict[str, Any]:
        return self.with_content([self.part()])

    def begin(self) -> list[BareEvent]:
        added = self._event("content_part.added", content_index=0, part=self.part())
        return [self._item_event("added", self.with_content([])), added]

    def delta(self, text: str, logprobs: list[dict[str, Any]]) -> list[BareEvent]:
        """More text."""
        self._texts.append(text)
        return [self._event(f"{self.kind}.delta", content_index=0, delta=text, **self.extras(logprobs))]

    def end(self, status: str) -> list[BareEvent]:
        self.status = status
        part = self.part()
        extras = self.extras(part.get("logprobs", []))
        return [
            self._event(f"{self.kind}.done", content_index=0, text=self.text, **extras),
            self._event("content_part.done", content_index=0, part=part),
            self._item_event("done", self.as_object),
        ]


class MessageItem(PartItem):
    """What the model says to the user."""

    kind = "output_text"

    def __init__(self, item_id: str, index: int) -> None:
        super().__init__(item_id, index)
        self._logprobs: list[dict[str, Any]] = []

    def delta(self, text: str, logprobs: list[dict[str, Any]]) -> list[BareEvent]:
        self._logprobs += logprobs
        return super().delta(text, logprobs)

    def part(self) -> dict[str, Any]:
        return {"type": self.kind, "annotations": [], "logprobs": list(self._logprobs), "text": self.text}

    def with_content(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self._id, "type": "message", "status": self.status, "content": content, "role": "assistant"}

    def extras(self, logprobs: list[dict[str, Any]]) -> dict[str, Any]:
        return {"logprobs": logprobs}


class ReasoningItem(PartItem):
    """What the model thinks before it answers or calls."""

    kind = "reasoning_text"

    def __init__(self, item_id: str, index: int, *, is_sealed: bool) -> None:
        """`is_sealed`: the text is also told as `encrypted_content`, for clients that send only that back."""
        super().__init__(item_id, index)
        self._is_sealed = is_sealed

    def part(self) -> dict[str, Any]:
        return {"type": self.kind, "text": self.text}

    def with_content(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        item = {"id": self._id, "type": "reasoning", "status": self.status, "summary": [], "content": content}
        return {**item, "encrypted_content": sealed_text(self.text)} if self._is_sealed else item


class SummarizedReasoningItem(ReasoningItem):
    """Thoughts for a client that has asked for their summary, and may show nothing else.

    The summary is the thoughts themselves. Only it is told while they grow, since clients that show both would show
    everything twice; the item has `content` as well.
    """

    def with_content(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {**super().with_content(content), "summary": [self._summary()] if content else []}

    def begin(self) -> list[BareEvent]:
        return [self._item_event("added", self.with_content([])), self._told("part.added", part=self._summary())]

    def delta(self, text: str, logprobs: list[dict[str, Any]]) -> list[BareEvent]:
        self._texts.append(text)
        return [self._told("text.delta", delta=text)]

    def end(self, status: str) -> list[BareEvent]:
        self.status = status
        broke_off = {} if status == "completed" else {"status": "incomplete"}
        return [
            self._told("text.done", text=self.text),
            self._told("part.done", part=self._summary(), **broke_off),
            self._item_event("done", self.as_object),
        ]

    def _summary(self) -> dict[str, Any]:
        return {"type": "summary_text", "text": self.text}

    def _told(self, kind: str, **fields: Any) -> BareEvent:
        return self._event(f"reasoning_summary_{kind}", summary_index=0, **fields)


class CallItem(OutputItem):
    """A function that the client shall call."""

    def __init__(self, item_id: str, index: int, call_id: str, name: str) -> None:
        super().__init__(item_id, index)
        self._call_id = call_id
        self._name = name

    @property
    def as_object(self) -> dict[str, Any]:
        return self._with_arguments(self.text)

    @property
    def can_be_complete(self) -> bool:
        return is_whole_object(self.text)

    def begin(self) -> list[BareEvent]:
        return [self._item_event("added", self._with_arguments(""))]

    def delta(self, text: str) -> list[BareEvent]:
        """More of the arguments."""
        self._texts.append(text)
        return [self._event("function_call_arguments.delta", delta=text)]

    def end(self, status: str) -> list[BareEvent]:
        self.status = status
        done = self._event("function_call_arguments.done", arguments=self.text, name=self._name)
        return [done, self._item_event("done", self.as_object)]

    def _with_arguments(self, arguments: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "function_call",
            "status": self.status,
            "arguments": arguments,
            "call_id": self._call_id,
            "name": self._name,
        }


def logprob_object(token: TokenLogprob) -> dict[str, Any]:
    """A token as an `output_text` part has it."""
    top = [_token(token_bytes, logprob) for _, token_bytes, logprob in token.top]
    return {**_token(token.token_bytes, token.logprob), "top_logprobs": top}


def _token(token_bytes: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token_bytes.decode(errors="replace"), "logprob": logprob, "bytes": list(token_bytes)}
