"""`/v1/conversations`: what they are called, listing and forking them. What is in them: `conversation_items`.

Titles, the list and forks are not in OpenAI's API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from schemas.conversations import (
    load_conversation_change,
    load_fork,
    load_metadata_filter,
    load_new_conversation,
    load_wants_last_response,
)
from schemas.fields.ids import CONVERSATION, check_id
from schemas.objects import conversations as objects
from schemas.objects.lists import list_object
from schemas.pages import load_page_query
from server.api.services import json_body, json_response, services
from server.api.summaries import summary_object
from server.auth.authentication import current_user
from storage import conversations, summaries
from storage.records import Conversation

blueprint = Blueprint("conversations", __name__, url_prefix="/v1/conversations")


@blueprint.post("")
def create_conversation() -> Response:
    wanted = load_new_conversation(json_body_or_none())
    created = services().database.run(
        conversations.create, current_user().id, wanted.metadata, wanted.items, title=wanted.title
    )
    return json_response(conversation_object(created))


@blueprint.get("")
def list_conversations() -> Response:
    query = request.args.to_dict(flat=False)
    page = load_page_query(query)
    if page.after is not None:
        check_id(page.after, "after", CONVERSATION)
    found = services().database.run(
        conversations.list_page,
        current_user().id,
        after=page.after,
        limit=page.limit,
        order=page.order,
        metadata=load_metadata_filter(query),
    )
    return json_response(list_object([conversation_object(one) for one in found.data], found.has_more))


@blueprint.get("/<conversation_id>")
def retrieve_conversation(conversation_id: str) -> Response:
    check_id(conversation_id, "conversation_id", CONVERSATION)
    has_last_response = load_wants_last_response(request.args.to_dict(flat=False))
    database, user_id = services().database, current_user().id
    # Before the conversation: a response whose worker died gets its end then, and lets the conversation go.
    last = database.run(summaries.last_of, user_id, conversation_id) if has_last_response else None
    shown = conversation_object(database.run(conversations.get, user_id, conversation_id))
    if has_last_response:
        extras = objects.ConversationExtras(last_response=None if last is None else summary_object(last))
        shown = msgspec.structs.replace(shown, parley=extras)
    return json_response(shown)


@blueprint.post("/<conversation_id>")
def update_conversation(conversation_id: str) -> Response:
    check_id(conversation_id, "conversation_id", CONVERSATION)
    change = load_conversation_change(json_body())
    updated = services().database.run(
        conversations.update, current_user().id, conversation_id, change.metadata, change.title
    )
    return json_response(conversation_object(updated))


@blueprint.delete("/<conversation_id>")
def delete_conversation(conversation_id: str) -> Response:
    check_id(conversation_id, "conversation_id", CONVERSATION)
    services().database.run(conversations.delete, current_user().id, conversation_id)
    return json_response(objects.ConversationDeleted(id=conversation_id))


@blueprint.post("/<conversation_id>/fork")
def fork_conversation(conversation_id: str) -> Response:
    """A new conversation with the items up to and including the body's `item_id`, or with all."""
    check_id(conversation_id, "conversation_id", CONVERSATION)
    item_id = load_fork(json_body_or_none())
    forked = services().database.run(conversations.fork, current_user().id, conversation_id, item_id)
    return json_response(conversation_object(forked))


# --- on the wire ----------------------------------------------------------------------------------------------------


def conversation_object(conversation: Conversation) -> objects.Conversation:
    return objects.Conversation(
        id=conversation.public_id,
        created_at=conversation.created_at,
        metadata=conversation.metadata,
        title=conversation.title or None,
        updated_at=conversation.updated_at,
        active_response_id=conversation.active_response_id,
    )


def json_body_or_none() -> Mapping[str, Any]:
    """The body of a request all of whose fields are optional: it may have none."""
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    return json_body() if has_body else {}
