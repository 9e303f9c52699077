"""From a conversation to the engine's message for it, and to the plan of how its output is read."""

from __future__ import annotations

from server.answers.request import Caller, ChatRequest
from server.backends.local.model import LocalModel
from server.backends.local.prompt import render_prompt
from server.backends.local.structured_output import clashes_refused, grammar_of
from server.backends.local.submission import chat_submit
from server.backends.local.tool_use import tool_use
from server.chat.output.plan import OutputPlan, plan_output
from server.chat.template.template import ChatTemplate, TemplateError
from server.errors.tree import TemplateRefused
from server.protocol.messages import Submit
from server.protocol.values import TextPiece


def prepare(model: LocalModel, request: ChatRequest, caller: Caller) -> tuple[Submit, OutputPlan]:
    """The message that asks the engine for an answer, and how that will be read.

    Raises:
        ModelNotReady: if the model cannot be used now.
        InvalidRequest: naming what cannot be honoured, such as a schema's keyword, or a message that the model's
            template does not take.
    """
    card = model.require_card()
    answer = grammar_of(request.output_format)
    use = tool_use(request.functions, request.tool_choice, request.parallel_tool_calls)
    template = require_template(model, request)
    pieces = render_prompt(template, request, use)
    with clashes_refused(request.output_format):
        plan = plan_output(
            template,
            pieces,
            use=use,
            separates_reasoning=request.separates_reasoning,
            answer=answer,
            marker_ids=card.marker_ids,
            begun=request.messages[-1].text if request.prompt_end == "content" else None,
        )
    return chat_submit(request, card, pieces, plan, caller), plan


def prompt_pieces(model: LocalModel, request: ChatRequest) -> list[TextPiece]:
    """The prompt alone. Raises as `prepare`."""
    use = tool_use(request.functions, request.tool_choice, request.parallel_tool_calls)
    template = require_template(model, request)
    return render_prompt(template, request, use)


def require_template(model: LocalModel, request: ChatRequest) -> ChatTemplate:
    """The model's template.

    Raises:
        TemplateRefused: if it is broken.
        ModelNotReady: if the model cannot be used now.
    """
    try:
        return model.chat_template(bool(request.functions))
    except TemplateError as error:
        raise TemplateRefused(str(error), param=request.blame.prompt) from error
