"""The choices of a completion: each in the making, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from schemas.completions import CompletionRequest
from schemas.objects.completions import TextChoice
from server.answers.answer import CompletionAnswer
from server.answers.parts import ChoicePart, ContentText, End, FinishReason, PromptLogprobs
from server.answers.stopwatch import Stopwatch
from server.api.completions.logprobs import ChoiceLogprobs, JoinedColumns, ScoredPrompt
from server.protocol.values import TokenLogprob


def echoes(wanted: CompletionRequest, answer: CompletionAnswer) -> list[str]:
    """What each choice begins with, by index over all prompts."""
    prompts = answer.prompt_texts
    texts = [prompt if isinstance(prompt, str) else prompts[i] for i, prompt in enumerate(wanted.prompts)]
    return [text if wanted.echo else "" for text in texts for _ in range(wanted.best_of)]


def choice_logprobs(wanted: CompletionRequest, answer: CompletionAnswer) -> list[ChoiceLogprobs]:
    """For each choice what follows its logprobs, by index over all prompts."""
    prompts = [ScoredPrompt(*start) for start in answer.prompt_starts for _ in range(wanted.best_of)]
    return [
        ChoiceLogprobs(echo, wanted.num_top_logprobs or 0, prompt if wanted.wants_prompt_logprobs else None)
        for echo, prompt in zip(echoes(wanted, answer), prompts, strict=True)
    ]


class CompletionChoice:
    """One choice of an answer that is sent as a whole, put together from its parts."""

    def __init__(self, echo: str, logprobs: ChoiceLogprobs, shows_logprobs: bool) -> None:
        self._text = [echo]
        self._logprobs = logprobs
        self._shows_logprobs = shows_logprobs
        self._columns = JoinedColumns()
        self._finish_reason: FinishReason = "stop"
        self._values: list[float] = []
        if first := logprobs.first():
            self._columns.extend(first)

    @property
    def mean_logprob(self) -> float:
        """Of the completion's tokens; that of no tokens is the worst."""
        return math.fsum(self._values) / len(self._values) if self._values else -math.inf

    def take(self, part: ChoicePart) -> None:
        """What happened next."""
        match part:
            case ContentText(text, logprobs):
                self._text.append(text)
                self._values += (logprob.logprob for logprob in logprobs)
                self._show(logprobs)
            case PromptLogprobs(logprobs):
                self._show(logprobs)
            case End(finish_reason):
                self._finish_reason = finish_reason

    def as_object(self, index: int) -> TextChoice:
        """The choice as the API has it, once it has finished."""
        return TextChoice(
            text="".join(self._text),
            index=index,
            logprobs=self._columns.as_json(),
            finish_reason=self._finish_reason,
        )

    def _show(self, logprobs: Sequence[TokenLogprob]) -> None:
        if logprobs and self._shows_logprobs:
            self._columns.extend(self._logprobs.columns(logprobs))


def whole_choices(wanted: CompletionRequest, answer: CompletionAnswer, stopwatch: Stopwatch) -> list[TextChoice]:
    """Read an answer to its end; for each prompt the `n` best choices, the best first if there are more."""
    shows_logprobs = wanted.num_top_logprobs is not None
    logprobs = choice_logprobs(wanted, answer)
    choices = [
        CompletionChoice(echo, of_choice, shows_logprobs)
        for echo, of_choice in zip(echoes(wanted, answer), logprobs, strict=True)
    ]
    for batch in answer.batches():
        for index, part in batch:
            stopwatch.see_part()
            choices[index].take(part)
    best = [
        choice
        for start in range(0, len(choices), wanted.best_of)
        for choice in _best(choices[start : start + wanted.best_of], wanted.n)
    ]
    return [choice.as_object(index) for index, choice in enumerate(best)]


def _best(choices: list[CompletionChoice], count: int) -> list[CompletionChoice]:
    if count == len(choices):
        return choices
    return sorted(choices, key=lambda choice: -choice.mean_logprob)[:count]
