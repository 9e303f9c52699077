"""`POST /v1/chat/completions`."""

from __future__ import annotations

import secrets
import time
from typing import Any

from flask import Blueprint, Response

from schemas.chat_completions import ChatCompletionRequest, load_chat_completion
from server.api.chat_completions.choices import ChatChoice
from server.api.chat_completions.chunks import ChatChunkWriter
from server.api.services import client_watch, json_body, json_response, services
from server.api.streaming import stream
from server.api.usage import usage_object
from server.auth.authentication import current_caller
from server.backends.local.generation import Generation
from server.backends.local.structured_output import clashes_refused, grammar_of, grammar_param
from server.backends.local.submission import cache_policy, make_submit
from server.backends.local.tool_use import tool_use
from server.backends.served_models import ServedModel
from server.chat.output.plan import OutputPlan, plan_output
from server.chat.prompted_tools import render_chat
from server.chat.system_prompt import with_system_prompt
from server.chat.template.template import TemplateError
from server.chat.tools import ToolUse
from server.errors import TemplateRefused
from server.protocol.messages import ModelCard, TextPiece

blueprint = Blueprint("chat_completions", __name__, url_prefix="/v1/chat/completions")


@blueprint.post("")
def create_chat_completion() -> Response:
    wanted = load_chat_completion(json_body())
    model = services().models.find(wanted.model)
    card = model.require_card()
    settings = services().settings
    use = tool_use(wanted.functions, wanted.tool_choice, wanted.parallel_tool_calls)
    pieces = render_prompt(model, wanted, use)
    separates_reasoning = settings.reasoning_format != "none"
    if wanted.separates_reasoning is not None:
        separates_reasoning = wanted.separates_reasoning
    plan = planned_output(model, pieces, use, separates_reasoning, wanted)
    submit = make_submit(
        wanted,
        card,
        pieces=pieces,
        num_top_logprobs=wanted.num_top_logprobs,
        shown_control_tokens=plan.shown_control_tokens,
        grammar=plan.grammar,
        caller=current_caller(),
        default_max_tokens=settings.default_max_tokens,
        cache_policy=cache_policy(wanted.prompt_cache),
    )
    blame = grammar_param(wanted.output_format) or wanted.functions_param
    generation = Generation(model, [submit], client_watch(), prompt_param="messages", grammar_param=blame)
    generation.start()
    head = completion_head(model, card)
    if wanted.stream:
        return stream(generation, ChatChunkWriter(head, wanted, plan), settings.ping_seconds)
    with generation:
        return json_response(chat_completion(head, generation, wanted, plan))


def planned_output(
    model: ServedModel,
    pieces: list[TextPiece],
    use: ToolUse,
    separates_reasoning: bool,
    wanted: ChatCompletionRequest,
) -> OutputPlan:
    """How the output is constrained and read.

    Raises:
        InvalidRequest: if the model would call or reason first, and the format's grammar cannot be put behind that.
    """
    with clashes_refused(wanted.output_format):
        return plan_output(
            model.chat_template(),
            pieces,
            use=use,
            separates_reasoning=separates_reasoning,
            answer=grammar_of(wanted.output_format),
            marker_ids=model.require_card().marker_ids,
        )


def render_prompt(
    model: ServedModel, wanted: ChatCompletionRequest, use: ToolUse, add_generation_prompt: bool = True
) -> list[TextPiece]:
    """The conversation through the model's own chat template.

    Raises:
        TemplateRefused: if the template does not take these messages.
    """
    try:
        messages = with_system_prompt(wanted.messages, model.spec.context.system_prompt)
        return render_chat(model.chat_template(), messages, use, wanted.template_kwargs, add_generation_prompt)
    except TemplateError as error:
        raise TemplateRefused(str(error)) from error


def completion_head(model: ServedModel, card: ModelCard) -> dict[str, Any]:
    """What the completion and each of its chunks begin with; constant over a response."""
    return {
        "id": f"chatcmpl-{secrets.token_hex(16)}",
        "created": int(time.time()),
        "model": model.spec.id,
        "system_fingerprint": card.system_fingerprint,
    }


def chat_completion(
    head: dict[str, Any], generation: Generation, wanted: ChatCompletionRequest, plan: OutputPlan
) -> dict[str, Any]:
    """Run a generation to its end, and the whole response for it."""
    choices = [ChatChoice(index, plan) for index in range(generation.num_choices)]
    for batch in generation.events():
        for index, event in batch:
            choices[index].take(event)
    return {
        **head,
        "object": "chat.completion",
        "choices": [choice.as_object(wanted) for choice in choices],
        "usage": usage_object(generation.usage, sum(choice.num_reasoning_tokens for choice in choices)),
    }
