"""What an endpoint asks of a model that chats, whatever the client's words for it were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.prompt_cache import PromptCache
from schemas.sampling import SamplingOptions
from schemas.structured_output import OutputFormat
from schemas.tools import AUTO, FunctionTool, ToolChoice
from server.answers.messages import Message

WatchStanding = Callable[[Callable[[Exception], None]], Callable[[], None]]
"""Calls a function, once and with the reason, when something is over; returns the function that ends the watch."""


def _stays(_on_loss: Callable[[Exception], None]) -> Callable[[], None]:
    """Watches somebody who always may have answers."""
    return lambda: None


@dataclass(frozen=True)
class Caller:
    """For whom a model works, as far as backends have to know; `server.auth` says who that is."""

    queue_key: str
    """Whose place in the queue it takes: callers of different keys are served in rotation."""
    cache_scope: str
    """Whose cached prefixes may be used: those of equal scope."""
    watch_standing: WatchStanding = field(default=_stays, compare=False)
    """Tells when answers may not be had any more."""


@dataclass(frozen=True)
class Blame:
    """What the endpoint calls its fields, so that an error names the right one."""

    prompt: str = "messages"
    tools: str = "tools"


@dataclass(frozen=True)
class CacheHints:
    """What is known of the requests that may follow. All of it is a hint: the answer does not depend on it."""

    wanted: PromptCache = field(default_factory=PromptCache)
    """What the client itself says."""
    conversation_id: str | None = None
    """The conversation that the answer belongs to."""
    is_stored: bool = False
    """Whether the answer is stored, so that others may build on it."""


PromptEnd = Literal["answer", "message", "content"]
"""What a prompt ends with: the beginning of an answer, the last message as it is, or the content of the last message,
which the answer goes on with."""


@dataclass(frozen=True)
class ChatRequest:
    """What is to be said next in a conversation, and how."""

    messages: tuple[Message, ...]
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    max_tokens: int | None = None
    """Tokens of a choice; None is as many as the context has room for."""
    stop: tuple[str, ...] = ()
    num_choices: int = 1
    ignore_eos: bool = False
    num_top_logprobs: int | None = None
    """Alternatives that come with each token's logprob; None is no logprobs, 0 is those of the chosen tokens."""
    output_format: OutputFormat | None = None
    """What the text has to be; None is any text."""
    functions: tuple[FunctionTool, ...] = ()
    """Functions that may be called."""
    tool_choice: ToolChoice = AUTO
    parallel_tool_calls: bool = True
    separates_reasoning: bool = True
    """Whether thoughts are told apart from the content; otherwise they are content, tags included."""
    prompt_end: PromptEnd = "answer"
    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Variables for the model's chat template."""
    user: str | None = None
    """The client's own user, who takes places in the queue among those of the caller."""
    cache: CacheHints = field(default_factory=CacheHints)
    blame: Blame = field(default_factory=Blame)
