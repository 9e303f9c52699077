"""`/v1/conversations/{id}/items`: what a conversation is made of."""

from __future__ import annotations

from flask import Blueprint, Response, request

from schemas.conversations import load_new_items
from schemas.fields.ids import CONVERSATION, check_id
from schemas.objects.lists import list_object
from schemas.pages import load_page_query, load_wants_origin
from server.api.conversations import conversation_object
from server.api.services import json_body, json_response, services
from server.api.summaries import shown_items
from server.auth.authentication import current_user
from server.responses.repeats import is_retry
from storage import items

blueprint = Blueprint("conversation_items", __name__, url_prefix="/v1/conversations/<conversation_id>/items")


@blueprint.post("")
def create_items(conversation_id: str) -> Response:
    has_origin = _check_request(conversation_id)
    added = services().database.run(
        items.add,
        current_user().id,
        conversation_id,
        load_new_items(json_body()),
        is_repeated=is_retry(request.headers.get),
    )
    return json_response(list_object(shown_items(added, has_origin=has_origin), has_more=False))


@blueprint.get("")
def list_items(conversation_id: str) -> Response:
    has_origin = _check_request(conversation_id)
    page = load_page_query(request.args.to_dict(flat=False))
    found = services().database.run(
        items.list_page, current_user().id, conversation_id, after=page.after, limit=page.limit, order=page.order
    )
    return json_response(list_object(shown_items(found.data, has_origin=has_origin), found.has_more))


@blueprint.get("/<item_id>")
def retrieve_item(conversation_id: str, item_id: str) -> Response:
    has_origin = _check_request(conversation_id, item_id)
    found = services().database.run(items.get, current_user().id, conversation_id, item_id)
    return json_response(shown_items([found], has_origin=has_origin)[0])


@blueprint.delete("/<item_id>")
def delete_item(conversation_id: str, item_id: str) -> Response:
    """Take an item out of the conversation, which is what is answered with."""
    _check_request(conversation_id, item_id)
    left = services().database.run(items.delete, current_user().id, conversation_id, item_id)
    return json_response(conversation_object(left))


def _check_request(conversation_id: str, item_id: str | None = None) -> bool:
    """Whether items are wanted with their origin; raises SchemaError."""
    check_id(conversation_id, "conversation_id", CONVERSATION)
    if item_id is not None:
        check_id(item_id, "item_id")
    return load_wants_origin(request.args.to_dict(flat=False))
