"""A prompt that ends in the middle of its last message, so that the model goes on with it.

The template writes a message and closes it in its own way. So it is given the message with a needle behind its content,
and the prompt is cut off where that begins. It does not know templates.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from server.answers.messages import Message, TextPart
from server.errors.tree import TemplateRefused
from server.protocol.values import TextPiece

NEEDLE = "TheAnswerGoesOnFromHere"
"""Letters only: templates look for tags and white space."""


def with_needle(messages: Sequence[Message]) -> list[Message]:
    """The messages with the needle behind the content of the last one."""
    *before, last = messages
    text = last.content[-1].as_text if last.content else ""
    content = (*(last.content or ())[:-1], TextPart(text + NEEDLE))
    return [*before, msgspec.structs.replace(last, content=content)]


def before_needle(pieces: Sequence[TextPiece], param: str) -> list[TextPiece]:
    """The prompt up to the needle.

    Raises:
        TemplateRefused: blaming `param`, if the template does not show it.
    """
    for index in reversed(range(len(pieces))):
        text, has_needle, _ = pieces[index].text.rpartition(NEEDLE)
        if has_needle:
            last = [TextPiece(text, pieces[index].parse_special)] if text else []
            return [*pieces[:index], *last]
    raise TemplateRefused("The chat template does not show the last message, so it cannot be continued.", param=param)
