"""What storage hands out: frozen values, copied out of the database, that no session is needed for.

Times are whole seconds since the epoch. `id` is the database's own number, never shown to clients; `public_id` is what
they see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

Order = Literal["asc", "desc"]
"""Order of a list: `desc` begins with the newest."""


RUNNING_STATUSES = ("queued", "in_progress")
"""Statuses of a response that has no end yet."""


@dataclass(frozen=True, slots=True)
class User:
    id: int
    public_id: str
    name: str
    is_admin: bool
    created_at: int
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret, of which only a hash is stored. People recognise it by its beginning, `prefix`."""

    id: int
    public_id: str
    user_id: int
    name: str
    prefix: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None

    def is_expired(self, now: float) -> bool:
        """Whether it opens nothing any more at this time."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a conversation was forked from."""

    conversation_id: str
    item_id: str | None
    """The last item that was shared then; None if none was."""
    position: int
    """The first position that is not shared: of two forks of one conversation, the smaller one parted earlier."""


@dataclass(frozen=True, slots=True)
class Family:
    """A conversation and all forks, and forks of forks, of it."""

    num_conversations: int
    newest_conversation_id: str
    """The one in which something happened last."""
    updated_at: int
    active_response_ids: tuple[str, ...]
    """Responses that are being made."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What a conversation says about its answers, and where its owner keeps it."""

    instructions: str | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    """Parameters of its responses, as they go on the wire."""
    is_pinned: bool = False
    is_archived: bool = False

    @property
    def concern_answers(self) -> bool:
        """Whether a response in this conversation may be another one than outside of it."""
        return self.instructions is not None or bool(self.defaults)


@dataclass(frozen=True, slots=True)
class Conversation:
    id: int
    public_id: str
    created_at: int
    updated_at: int
    """Time at which an item was last added."""
    title: str | None
    metadata: dict[str, str]
    root_id: str
    """Public id of the first of its family, which may be its own."""
    forked_from: Fork | None = None
    settings: ChatSettings = ChatSettings()
    family: Family | None = None
    """Only where roots are listed."""
    active_response_id: str | None = None
    """Public id of the response that is being made in it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A saved prompt, with the text of one of its versions."""

    id: int
    public_id: str
    name: str
    text: str
    version: int
    """The one that has this text; versions count from 1."""
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class PromptVersion:
    version: int
    text: str
    created_at: int


@dataclass(frozen=True, slots=True)
class SnippetPart:
    """A piece of a text that was searched."""

    text: str
    is_match: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A conversation in which something was found."""

    conversation: Conversation
    item_id: str | None
    """Item in which it was found; None if that was the title."""
    snippet: tuple[SnippetPart, ...]


@dataclass(frozen=True, slots=True)
class StoredItem:
    public_id: str
    type: str
    status: str | None
    data: dict[str, Any]
    """Item as it goes on the wire, `id` included, its keys in the order in which they came."""
    created_at: int


@dataclass(frozen=True, slots=True)
class StoredResponse:
    public_id: str
    created_at: int
    status: str
    conversation_id: str | None
    """Public id of the conversation, if the response belongs to one."""
    previous_response_id: str | None
    is_background: bool
    is_cancel_requested: bool
    body: dict[str, Any]
    """Response object as it goes on the wire."""
    user_id: int

    @property
    def is_running(self) -> bool:
        return self.status in RUNNING_STATUSES


SUMMARY_FIELDS = ("model", "completed_at", "usage", "timings", "incomplete_details", "error")
"""Fields of the Response object that a summary has besides the columns of its own."""


@dataclass(frozen=True, slots=True)
class ResponseSummary:
    """A response without what was said in it."""

    public_id: str
    status: str
    created_at: int
    fields: Mapping[str, Any]
    """`SUMMARY_FIELDS` as they go on the wire; None where the response has none, or not yet."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of a response's stream: one event, or several packed together, with the number of the last.

    `data` is JSON text; what it holds is its writer's business.
    """

    sequence_number: int
    data: str


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation that was locked in this session, before the session's end."""

    id: int
    next_position: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What a turn builds on and what it adds, as items go on the wire; references are looked up."""

    history: Sequence[Mapping[str, Any]] = ()
    input: Sequence[Mapping[str, Any]] = ()
    takes_up: str | None = None
    """Response whose place this turn takes: an earlier attempt at it that broke off."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An earlier response to a request that is repeated."""

    response: StoredResponse
    has_equal_input: bool
    """Whether it was sent what is sent now."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Answer to a worker that said which responses it is still generating."""

    lost: frozenset[str]
    """Responses that were ended, deleted or given up for dead meanwhile: nothing more of them will be stored."""
    cancel_requested: frozenset[str]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    data: tuple[T, ...]
    has_more: bool

    @classmethod
    def cut(cls, found: Sequence[T], limit: int) -> Page[T]:
        """A page of this length from one record more, which is there only if there are more pages."""
        return cls(tuple(found[:limit]), has_more=len(found) > limit)
