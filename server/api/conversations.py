"""`/v1/conversations`: what they are called, listing and forking them. What is in them: `conversation_items`.

Titles, the list, forks and families are not in OpenAI's API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from schemas.conversations import (
    load_conversation_change,
    load_deletion,
    load_fork,
    load_list_filter,
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
from storage.records import Conversation, Family, Fork

blueprint = Blueprint("conversations", __name__, url_prefix="/v1/conversations")


@blueprint.post("")
def create_conversation() -> Response:
    wanted = load_new_conversation(json_body_or_none())
    created = services().database.run(
        conversations.create,
        current_user().id,
        wanted.metadata,
        wanted.items,
        title=wanted.title,
        settings=wanted.settings,
    )
    return json_response(conversation_object(created))


@blueprint.get("")
def list_conversations() -> Response:
    query = request.args.to_dict(flat=False)
    page = load_page_query(query)
    if page.after is not None:
        check_id(page.after, "after", CONVERSATION)
    wanted = load_list_filter(query)
    common: dict[str, Any] = {
        "after": page.after,
        "limit": page.limit,
        "order": page.order,
        "metadata": wanted.metadata,
        "is_pinned": wanted.pinned,
        "is_archived": wanted.archived,
    }
    if wanted.roots:
        found = services().database.run(conversations.roots_page, current_user().id, **common)
    else:
        found = services().database.run(
            conversations.list_page,
            current_user().id,
            forked_from=wanted.forked_from,
            root=wanted.root,
            **common,
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
        conversations.update, current_user().id, conversation_id, change.metadata, change.title, change.settings
    )
    return json_response(conversation_object(updated))


@blueprint.delete("/<conversation_id>")
def delete_conversation(conversation_id: str) -> Response:
    check_id(conversation_id, "conversation_id", CONVERSATION)
    with_family = load_deletion(request.args.to_dict(flat=False))
    services().database.run(conversations.delete, current_user().id, conversation_id, with_family=with_family)
    return json_response(objects.ConversationDeleted(id=conversation_id))


@blueprint.post("/<conversation_id>/fork")
def fork_conversation(conversation_id: str) -> Response:
    """A new conversation with the items up to the body's `item_id`, or in front of its `before`, or with all."""
    check_id(conversation_id, "conversation_id", CONVERSATION)
    end = load_fork(json_body_or_none())
    forked = services().database.run(
        conversations.fork, current_user().id, conversation_id, end.item_id, before=end.before
    )
    return json_response(conversation_object(forked))


# --- on the wire ----------------------------------------------------------------------------------------------------


def conversation_object(conversation: Conversation) -> objects.Conversation:
    return objects.Conversation(
        id=conversation.public_id,
        created_at=conversation.created_at,
        metadata=conversation.metadata,
        title=conversation.title or None,
        updated_at=conversation.updated_at,
        root_id=conversation.root_id,
        forked_from=_fork_object(conversation.forked_from),
        family=_family_object(conversation.family),
        instructions=conversation.settings.instructions,
        defaults=conversation.settings.defaults,
        pinned=conversation.settings.is_pinned,
        archived=conversation.settings.is_archived,
        active_response_id=conversation.active_response_id,
    )


def _fork_object(fork: Fork | None) -> objects.Fork | None:
    if fork is None:
        return None
    return objects.Fork(conversation_id=fork.conversation_id, item_id=fork.item_id, position=fork.position)


def _family_object(family: Family | None) -> objects.Family | msgspec.UnsetType:
    if family is None:
        return msgspec.UNSET
    return objects.Family(
        num_conversations=family.num_conversations,
        newest_conversation_id=family.newest_conversation_id,
        updated_at=family.updated_at,
        active_response_ids=family.active_response_ids,
    )


def json_body_or_none() -> Mapping[str, Any]:
    """The body of a request all of whose fields are optional: it may have none."""
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    return json_body() if has_body else {}
