"""Typed messages through the model's own chat template, to the pieces of a prompt."""

from __future__ import annotations

from typing import Any

from server.answers.messages import MediaPart, Message, ToolCall
from server.answers.request import ChatRequest
from server.chat.prompted_tools import render_chat
from server.chat.template.template import ChatTemplate, TemplateError
from server.chat.tools import ToolUse
from server.errors.tree import InvalidRequest, TemplateRefused
from server.protocol.values import TextPiece


def render_prompt(
    template: ChatTemplate, request: ChatRequest, use: ToolUse, *, add_generation_prompt: bool = True
) -> list[TextPiece]:
    """The conversation as the model was trained to read it.

    Raises:
        TemplateRefused: if the template does not take these messages; naming what the endpoint calls them.
        InvalidRequest: naming a part of a message that is no text, where that is not just left out.
    """
    refuse_media(request)
    messages = [as_dict(message) for message in request.messages]
    try:
        return render_chat(template, messages, use, request.template_kwargs, add_generation_prompt)
    except TemplateError as error:
        raise TemplateRefused(str(error), param=request.blame.prompt) from error


def as_dict(message: Message) -> dict[str, Any]:
    """A message in the form of OpenAI's API, with its content joined to one text: what chat templates start from."""
    shown: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.name is not None:
        shown["name"] = message.name
    if message.reasoning is not None:
        shown["reasoning_content"] = message.reasoning
    if message.tool_calls:
        shown["tool_calls"] = [_call_dict(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        shown["tool_call_id"] = message.tool_call_id
    return shown


def refuse_media(request: ChatRequest) -> None:
    """Refuse what is no text in the messages, where that is not just left out.

    Raises:
        InvalidRequest: naming the part.
    """
    for part in (part for message in request.messages for part in message.content or ()):
        if isinstance(part, MediaPart) and part.param is not None:
            raise InvalidRequest(
                f"'{part.param}' is a part of type '{part.kind}', but this model takes text only.",
                param=part.param,
                code="unsupported_parameter",
            )


def _call_dict(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
