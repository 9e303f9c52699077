"""Questions of our own, which no client has asked: for the likeliest answer, as a text, without thoughts."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.prompt_cache import PromptCache
from schemas.sampling import SamplingOptions
from server.answers.answer import Answer
from server.answers.messages import Message
from server.answers.parts import ContentText
from server.answers.request import Blame, CacheHints, ChatRequest


def own_question(messages: Sequence[Message], max_tokens: int, blame: Blame) -> ChatRequest:
    """A request for an answer of at most `max_tokens`, from which nothing will go on."""
    return ChatRequest(
        messages=tuple(messages),
        sampling=SamplingOptions(temperature=0),
        max_tokens=max_tokens,
        # There is no room for thoughts; templates that know none ignore it.
        template_kwargs={"enable_thinking": False},
        cache=CacheHints(PromptCache(retention="in_memory")),
        blame=blame,
    )


def content_of(answer: Answer) -> str:
    """The content of a started answer of one choice, read to its end. Raises ParleyError, ClientLeft."""
    parts = (part for batch in answer.batches() for _, part in batch)
    return "".join(part.text for part in parts if isinstance(part, ContentText))
