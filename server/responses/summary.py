"""The model's own summary of a conversation, however long that is: what does not fit into one prompt is told in
several, each with the summary of those before.

It knows the engine's side; what is asked, and what becomes of the answer, is `compaction`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.chat_completions import ChatCompletionRequest
from schemas.sampling import SamplingOptions
from server.backends.local.generation import Generation, Usage
from server.backends.local.submission import Caller, make_submit
from server.backends.served_models import ServedModel
from server.chat.output.plan import plan_output
from server.chat.output.reader import content_of
from server.chat.template.template import TemplateError
from server.errors import ContextLengthExceeded, TemplateRefused
from server.http.client_watch import ClientWatch
from server.responses.compaction import request_messages, transcript
from server.titles.titling import NOT_AGAIN

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
        """Of everything that was generated."""
        return Usage(
            sum(usage.num_prompt_tokens for usage in self.usages),
            sum(usage.num_completion_tokens for usage in self.usages),
            sum(usage.num_cached_tokens for usage in self.usages),
        )

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
        card = self.model.require_card()
        max_tokens = max(MIN_SUMMARY_TOKENS, card.n_ctx // SUMMARY_SHARE)
        messages = request_messages(self.instructions, paragraphs)
        wanted = ChatCompletionRequest(tuple(messages), sampling=SamplingOptions(temperature=0), max_tokens=max_tokens)
        try:
            # There is no room for thoughts; templates that know none ignore it.
            template = self.model.chat_template()
            pieces = template.render(messages, template_kwargs={"enable_thinking": False})
        except TemplateError as error:
            raise TemplateRefused(str(error), param="input") from error
        plan = plan_output(template, pieces)
        shown = plan.shown_control_tokens
        submit = make_submit(
            wanted, card, pieces=pieces, shown_control_tokens=shown, caller=self.caller, cache_policy=NOT_AGAIN
        )
        with Generation(self.model, [submit], self.watch, prompt_param="input") as generation:
            generation.start()
            num_tokens = generation.usage.num_prompt_tokens
            if num_tokens > card.n_ctx - max_tokens:
                raise ContextLengthExceeded(num_tokens, card.n_ctx - max_tokens, param="input")
            text = content_of(plan.reader(), (event for batch in generation.events() for _, event in batch))
            self.usages.append(generation.usage)
        return text.strip()


def _shortened(paragraphs: Sequence[str]) -> str:
    """Instead of a summary, should the model say nothing: how each paragraph begins."""
    return "\n".join(paragraph[:200] for paragraph in paragraphs)[:2000]
