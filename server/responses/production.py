"""From a request to the events of its response: the prompt that fits, the generation, the builder that tells of it.

It knows the engine's side of a response; it does not know storage, greenlets or HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from schemas.responses import ResponsesRequest
from server.backends.local.generation import ClientLeft, Generation
from server.backends.local.structured_output import clashes_refused, grammar_of, grammar_param
from server.backends.local.submission import Caller, cache_policy, make_submit, sampling_params
from server.backends.local.tool_use import tool_use
from server.backends.served_models import ServedModel
from server.chat.output.plan import OutputPlan, plan_output
from server.chat.prompted_tools import render_chat
from server.chat.template.template import TemplateError
from server.errors import ContextLengthExceeded, InvalidRequest, ParleyError, TemplateRefused
from server.http.client_watch import ClientWatch
from server.protocol.messages import Delta, Finished, Submit, TextPiece
from server.responses.builder import Event, ResponseBuilder
from server.responses.compaction import HEAD, first_unreadable, unfolded
from server.responses.prompt import Item, PromptProblem, chat_messages, check_outputs, is_instruction
from server.responses.response_object import new_response, usage_object
from server.responses.truncation import Cut, Turns, room_for_answer
from storage.ids import new_id
from storage.records import Opened

INPUT = "input"


@dataclass(frozen=True)
class Started:
    """A generation that runs."""

    generation: Generation
    cut: Cut
    """What had to be left out of its prompt."""
    plan: OutputPlan
    """How its output is read."""


class Prompting:
    """The prompts that can be made of a request and of what was opened for it."""

    def __init__(
        self, model: ServedModel, wanted: ResponsesRequest, opened: Opened, caller: Caller, watch: ClientWatch
    ) -> None:
        """
        Raises:
            ParleyError: if the model is not ready, or an output among the new items answers nothing.
        """
        self._model = model
        self._wanted = wanted
        self._caller = caller
        self._watch = watch
        self._card = model.require_card()
        try:
            check_outputs(opened.history, opened.input)
        except PromptProblem as problem:
            raise InvalidRequest(str(problem), param=INPUT) from problem
        check_compactions(opened.input)
        self._answer = grammar_of(wanted.output_format)
        self._use = tool_use(wanted.functions, wanted.choosing.meant, wanted.parallel_tool_calls)
        conversation = unfolded([*opened.history, *opened.input])
        self._summary = conversation.summary
        self._instructions = wanted.instructions
        if wanted.instructions is None and not any(map(is_instruction, conversation.items)):
            self._instructions = model.spec.context.system_prompt
        self._turns = Turns(conversation.items)
        max_turns = wanted.context.max_turns
        self._num_unwanted = 0 if max_turns is None else self._turns.num_beyond(max_turns)

    def builder(self, started: Started, response_id: str) -> ResponseBuilder:
        """The builder of the response that begins now."""
        wanted = self._wanted
        response = new_response(
            wanted,
            response_id=response_id,
            created_at=int(time.time()),
            model=self._model.spec.id,
            sampling=sampling_params(wanted.sampling, self._card),
            conversation_id=wanted.conversation_id,
            cut=started.cut,
        )
        return ResponseBuilder(
            response,
            started.plan.reader(),
            new_id,
            shows_logprobs=wanted.num_top_logprobs is not None,
            seals_reasoning=wanted.seals_reasoning,
        )

    def start(self) -> Started:
        """A started generation of the longest prompt that fits.

        Raises:
            ParleyError: if it cannot be served; nothing of it runs then.
            ClientLeft: if the client did.
        """
        num_dropped = self._num_unwanted
        while True:
            items, cut = self._turns.without(num_dropped)
            pieces = self._pieces(items)
            plan = self._plan(pieces)
            generation = self._generation(self._submit(pieces, plan))
            try:
                generation.start()
                num_tokens = generation.usage.num_prompt_tokens
            except ContextLengthExceeded as error:
                num_tokens = error.num_prompt_tokens
                if not self._must_drop(num_dropped, num_tokens):
                    raise
            if not self._must_drop(num_dropped, num_tokens):
                return Started(generation, cut, plan)
            generation.close()
            num_dropped += self._turns_after(num_dropped).num_to_drop(num_tokens, self._max_tokens, self._room)

    def count(self) -> int:
        """Tokens of the prompt, however long it is, without generating anything.

        Raises:
            ParleyError: if there is no such prompt.
            ClientLeft: if the client did.
        """
        pieces = self._pieces(self._turns.without(self._num_unwanted)[0])
        submit = msgspec.structs.replace(self._submit(pieces, OutputPlan()), max_tokens=0)
        with self._generation(submit) as generation:
            try:
                generation.start()
            except ContextLengthExceeded as error:
                return error.num_prompt_tokens
            return generation.usage.num_prompt_tokens

    @property
    def _room(self) -> int:
        """Tokens that a prompt may have at most, whether anything is left to the answer or not."""
        return min(self._card.n_ctx, self._wanted.context.max_tokens or self._card.n_ctx)

    @property
    def _max_tokens(self) -> int:
        """Of a prompt that is as short as the request wants it, and leaves enough room to the answer if it may."""
        if self._wanted.truncation != "auto":
            return self._room
        return min(self._room, self._card.n_ctx - room_for_answer(self._card.n_ctx, self._wanted.max_tokens))

    def _must_drop(self, num_dropped: int, num_tokens: int) -> bool:
        may_drop = self._wanted.truncation == "auto" or self._wanted.context.max_tokens is not None
        return may_drop and num_dropped < self._turns.max_dropped and num_tokens > self._max_tokens

    def _turns_after(self, num_dropped: int) -> Turns:
        return Turns(self._turns.without(num_dropped)[0])

    def _generation(self, submit: Submit) -> Generation:
        blamed = grammar_param(self._wanted.output_format) or "tools"
        return Generation(self._model, [submit], self._watch, prompt_param=INPUT, grammar_param=blamed)

    def _plan(self, pieces: list[TextPiece]) -> OutputPlan:
        with clashes_refused(self._wanted.output_format):
            return plan_output(
                self._model.chat_template(),
                pieces,
                use=self._use,
                answer=self._answer,
                marker_ids=self._card.marker_ids,
            )

    def _submit(self, pieces: list[TextPiece], plan: OutputPlan) -> Submit:
        return make_submit(
            self._wanted,
            self._card,
            pieces=pieces,
            num_top_logprobs=self._wanted.num_top_logprobs,
            shown_control_tokens=plan.shown_control_tokens,
            grammar=plan.grammar,
            caller=self._caller,
            cache_policy=cache_policy(
                self._wanted.prompt_cache, is_stored=self._wanted.store, conversation=self._wanted.conversation_id
            ),
        )

    def _pieces(self, items: Sequence[Item]) -> list[TextPiece]:
        messages = chat_messages(items, self._instructions, self._summary and f"{HEAD}\n{self._summary}")
        if not messages:
            raise InvalidRequest("There is nothing to answer: the conversation has no message.", param=INPUT)
        try:
            return render_chat(self._model.chat_template(), messages, self._use, self._wanted.template_kwargs)
        except TemplateError as error:
            raise TemplateRefused(str(error), param=INPUT) from error


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


def produce(
    generation: Generation, builder: ResponseBuilder, silence_seconds: float | None = None
) -> Iterator[list[Event]]:
    """What happens to a response after its opening, in batches as it happens; the last one has the terminal event.

    An empty batch comes after `silence_seconds` in which nothing happened. The generation ends with the iteration,
    however that ends.

    Raises:
        ParleyError: if the generation cannot go on.
        ClientLeft: if the client did.
    """
    with generation:
        for batch in generation.events(silence_seconds):
            yield [event for _, happened in batch for event in _events(generation, builder, happened)]


def tell(batches: Iterator[list[Event]], builder: ResponseBuilder) -> Iterator[list[Event]]:
    """The opening and all that `produce` makes, where what it raises has become the terminal event."""
    yield builder.opening()
    try:
        yield from batches
    except ClientLeft:
        yield builder.interrupt()
    except ParleyError as error:
        yield builder.fail(error)


def _events(generation: Generation, builder: ResponseBuilder, happened: Delta | Finished) -> list[Event]:
    if isinstance(happened, Finished):
        events = builder.settle()
        usage = usage_object(generation.usage, builder.num_reasoning_tokens)
        return events + builder.finish(happened, usage, int(time.time()))
    return builder.delta(happened)
