"""From a request to the answer of a model: the longest prompt of the conversation that fits.

It does not know storage, greenlets or HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.responses import ResponsesRequest
from server.answers.answer import Answer
from server.answers.messages import Message, TextPart
from server.answers.request import Blame, CacheHints, Caller, ChatRequest
from server.answers.stopwatch import Stopwatch
from server.backends.served import ServedModel
from server.errors.tree import ContextLengthExceeded, InvalidRequest
from server.http.client_watch import ClientWatch
from server.responses.builder import ResponseBuilder
from server.responses.compaction import HEAD, first_unreadable, unfolded
from server.responses.prompt import Item, PromptProblem, chat_messages, check_outputs, is_instruction
from server.responses.response_object import new_response
from server.responses.truncation import Cut, Turns, room_for_answer
from storage.ids import new_id
from storage.records import Opened

INPUT = "input"


@dataclass(frozen=True)
class Started:
    """An answer that is being made."""

    answer: Answer
    cut: Cut
    """What had to be left out of its prompt."""


class Prompting:
    """The prompts that can be made of a request and of what was opened for it."""

    def __init__(
        self,
        model: ServedModel,
        wanted: ResponsesRequest,
        opened: Opened,
        caller: Caller,
        watch: ClientWatch,
        stopwatch: Stopwatch,
    ) -> None:
        """`stopwatch` has been running since the request came.

        Raises:
            ParleyError: if the model is not ready, or an output among the new items answers nothing.
        """
        self._model = model
        self._wanted = wanted
        self._caller = caller
        self._watch = watch
        self._stopwatch = stopwatch
        self._card = model.require_card()
        try:
            check_outputs(opened.history, opened.input)
        except PromptProblem as problem:
            raise InvalidRequest(str(problem), param=INPUT) from problem
        check_compactions(opened.input)
        conversation = unfolded([*opened.history, *opened.input])
        self._summary = conversation.summary
        self._instructions = wanted.instructions
        if wanted.instructions is None and not any(map(is_instruction, conversation.items)):
            self._instructions = model.policy.system_prompt
        self._turns = Turns(conversation.items)
        max_turns = wanted.context.max_turns
        self._num_unwanted = 0 if max_turns is None else self._turns.num_beyond(max_turns)
        self._request = self._without_messages()

    def builder(self, started: Started, response_id: str) -> ResponseBuilder:
        """The builder of the response that begins now."""
        wanted = self._wanted
        response = new_response(
            wanted,
            response_id=response_id,
            created_at=int(time.time()),
            model=self._model.id,
            card=self._card,
            conversation_id=wanted.conversation_id,
            cut=started.cut,
        )
        return ResponseBuilder(
            response,
            new_id,
            self._stopwatch,
            shows_logprobs=wanted.num_top_logprobs is not None,
            seals_reasoning=wanted.seals_reasoning,
            summarizes_reasoning=wanted.reasoning_summary is not None,
            prefix=wanted.answer_prefix,
        )

    def start(self) -> Started:
        """A started answer to the longest prompt that fits.

        Raises:
            ParleyError: if it cannot be served; nothing of it runs then.
            ClientLeft: if the client did.
        """
        num_dropped = self._num_unwanted
        while True:
            items, cut = self._turns.without(num_dropped)
            answer = self._model.answer(self._asked(items), self._caller, self._watch)
            self._stopwatch.ask()
            try:
                answer.start()
                num_tokens = answer.usage.num_prompt_tokens
            except ContextLengthExceeded as error:
                num_tokens = error.num_prompt_tokens
                if not self._must_drop(num_dropped, num_tokens):
                    raise
            if not self._must_drop(num_dropped, num_tokens):
                return Started(answer, cut)
            answer.close()
            num_dropped += self._turns_after(num_dropped).num_to_drop(num_tokens, self._max_tokens, self._room)

    def count(self) -> int:
        """Tokens of the prompt, however long it is, without generating anything.

        Raises:
            ParleyError: if there is no such prompt.
            ClientLeft: if the client did.
        """
        items, _ = self._turns.without(self._num_unwanted)
        return self._model.count(self._asked(items), self._caller, self._watch)

    @property
    def _room(self) -> int:
        """Tokens that a prompt may have at most, whether anything is left to the answer or not."""
        return min(self._card.n_ctx, self._wanted.context.max_tokens or self._card.n_ctx)

    @property
    def _max_tokens(self) -> int:
        """Tokens of a prompt that is as short as the request wants it, and leaves the answer its room if it may."""
        if self._wanted.truncation != "auto":
            return self._room
        return min(self._room, self._card.n_ctx - room_for_answer(self._card.n_ctx, self._wanted.max_tokens))

    def _must_drop(self, num_dropped: int, num_tokens: int) -> bool:
        may_drop = self._wanted.truncation == "auto" or self._wanted.context.max_tokens is not None
        return may_drop and num_dropped < self._turns.max_dropped and num_tokens > self._max_tokens

    def _turns_after(self, num_dropped: int) -> Turns:
        return Turns(self._turns.without(num_dropped)[0])

    def _asked(self, items: Sequence[Item]) -> ChatRequest:
        """What is asked of the model, with these items as the conversation."""
        messages = chat_messages(items, self._instructions, self._summary and f"{HEAD}\n{self._summary}")
        if not messages:
            raise InvalidRequest("There is nothing to answer: the conversation has no message.", param=INPUT)
        if prefix := self._wanted.answer_prefix:
            begun = Message("assistant", (TextPart(prefix),))
            return replace(self._request, messages=(*messages, begun), prompt_end="content")
        return replace(self._request, messages=tuple(messages))

    def _without_messages(self) -> ChatRequest:
        wanted = self._wanted
        return ChatRequest(
            messages=(),
            sampling=wanted.sampling,
            max_tokens=wanted.max_tokens,
            stop=wanted.stop,
            ignore_eos=wanted.ignore_eos,
            num_top_logprobs=wanted.num_top_logprobs,
            output_format=wanted.output_format,
            functions=wanted.functions,
            tool_choice=wanted.choosing.meant,
            parallel_tool_calls=wanted.parallel_tool_calls,
            template_kwargs=wanted.template_kwargs,
            user=wanted.user,
            cache=CacheHints(wanted.prompt_cache, wanted.conversation_id, wanted.store),
            blame=Blame(prompt=INPUT, tools="tools"),
        )


def check_compactions(new_items: Sequence[Item]) -> None:
    """Refuse a compaction among the new items that nobody here can read: the conversation would be lost.

    Raises:
        InvalidRequest: naming it.
    """
    index = first_unreadable(new_items)
    if index is not None:
        raise InvalidRequest(
            "The compaction item was not made by this server, so what it stands for is not known.",
            param=f"input[{index}].encrypted_content",
            code="invalid_value",
        )
