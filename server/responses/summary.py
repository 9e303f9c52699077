"""The model's own summary of a conversation, however long that is: what does not fit into one prompt is told in
several, each with the summary of those before.

It knows models; what is asked of them, and what becomes of the answer, is `compaction`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from server.answers.own import content_of, own_question
from server.answers.request import Blame, Caller
from server.answers.usage import Usage, total
from server.backends.served import ServedModel
from server.errors.tree import ContextLengthExceeded
from server.http.client_watch import ClientWatch
from server.responses.compaction import request_messages, transcript

SUMMARY_SHARE = 8
"""A summary has at most this part of the context (one eighth)."""

MIN_SUMMARY_TOKENS = 16


@dataclass
class Summarizer:
    """Summarizes for one request; `watch` sees its client leave."""

    model: ServedModel
    caller: Caller
    watch: ClientWatch
    instructions: str | None = None
    """The client's, about this summary."""
    usages: list[Usage] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        """Usage of everything that was generated."""
        return total(self.usages)

    def summarize(self, paragraphs: Sequence[str]) -> str:
        """The summary of what the paragraphs say; empty if they say nothing.

        Raises:
            ParleyError: if it cannot be made.
            ClientLeft: if the client did.
        """
        rest = list(paragraphs)
        summary: str | None = None
        num_next = len(rest)
        while rest:
            num_next = min(num_next, len(rest))
            said = transcript([], summary) + rest[:num_next]
            try:
                summary = self._generate(said) or summary or _shortened(said)
            except ContextLengthExceeded as error:
                if num_next > 1:
                    num_next = max(1, min(num_next - 1, num_next * error.n_ctx // error.num_prompt_tokens))
                elif len(rest[0]) > 1:
                    middle = len(rest[0]) // 2
                    rest[:1] = [rest[0][:middle], rest[0][middle:]]
                else:
                    raise
            else:
                del rest[:num_next]
        return summary or ""

    def _generate(self, paragraphs: list[str]) -> str:
        n_ctx = self.model.require_card().n_ctx
        max_tokens = max(MIN_SUMMARY_TOKENS, n_ctx // SUMMARY_SHARE)
        question = own_question(request_messages(self.instructions, paragraphs), max_tokens, Blame(prompt="input"))
        answer = self.model.answer(question, self.caller, self.watch)
        answer.start()
        with closing(answer):
            num_tokens = answer.usage.num_prompt_tokens
            if num_tokens > n_ctx - max_tokens:
                raise ContextLengthExceeded(num_tokens, n_ctx - max_tokens, param="input")
            text = content_of(answer)
            self.usages.append(answer.usage)
        return text.strip()


def _shortened(paragraphs: Sequence[str]) -> str:
    """Instead of a summary, should the model say nothing: how each paragraph begins."""
    return "\n".join(paragraph[:200] for paragraph in paragraphs)[:2000]
