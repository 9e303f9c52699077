"""Requests for responses, with the settings of the conversation in which they are made.

What is merged, and how, is the schemas' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.defaults import with_defaults
from schemas.responses import ResponsesRequest, load_response
from server.api.services import services
from server.auth.authentication import current_user
from storage import chat_settings


def load_response_in_conversation(body: Mapping[str, Any]) -> ResponsesRequest:
    """The request in a body, with its conversation's settings where it says nothing itself; raises SchemaError.

    A conversation that is not there has none: who opens it will say so.
    """
    wanted = load_response(body)
    if wanted.conversation_id is None:
        return wanted
    found = services().database.run(chat_settings.get, current_user().id, wanted.conversation_id)
    if found is None or not found.concern_answers:
        return wanted
    return load_response(with_defaults(body, found.instructions, found.defaults))
