"""`/v1/conversations/search`: one's own conversations by words in them. It is not in OpenAI's API."""

from __future__ import annotations

from flask import Blueprint, Response, request

from schemas.objects.conversations import ConversationMatch, SnippetPart
from schemas.objects.lists import list_object
from schemas.search import load_search
from server.api.conversations import conversation_object
from server.api.services import json_response, services
from server.auth.authentication import current_user
from storage import searching
from storage.records import Match

blueprint = Blueprint("search", __name__, url_prefix="/v1/conversations/search")


@blueprint.get("")
def search_conversations() -> Response:
    wanted = load_search(request.args.to_dict(flat=False))
    found = services().database.run(
        searching.find,
        current_user().id,
        wanted.query,
        after=wanted.after,
        limit=wanted.limit,
        order=wanted.order,
    )
    return json_response(list_object([_match_object(match) for match in found.data], found.has_more))


def _match_object(match: Match) -> ConversationMatch:
    return ConversationMatch(
        conversation=conversation_object(match.conversation),
        item_id=match.item_id,
        snippet=[SnippetPart(text=part.text, is_match=part.is_match) for part in match.snippet],
    )
