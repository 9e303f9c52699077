"""`/v1/status`: the server's version, who is asking, and what requests may have. Models are in `/v1/models`."""

from __future__ import annotations

from flask import Blueprint, Response

from schemas.conversations import MAX_TITLE_LENGTH
from schemas.fields import metadata
from schemas.items import MAX_ITEMS
from schemas.objects.status import Limits, Status, StatusUser
from schemas.pages import MAX_LIMIT
from schemas.responses import MAX_INPUT_ITEMS
from server import __version__
from server.api.services import json_response, services
from server.auth.authentication import current_user

blueprint = Blueprint("status", __name__, url_prefix="/v1/status")


@blueprint.get("")
def get_status() -> Response:
    settings = services().settings
    status = Status(
        version=__version__,
        auth=settings.auth,
        user=None if settings.auth == "off" else _user(),
        titles=settings.make_titles,
        limits=Limits(
            max_body_mb=settings.max_body_mb,
            max_input_items=MAX_INPUT_ITEMS,
            max_new_items=MAX_ITEMS,
            max_page_length=MAX_LIMIT,
            max_title_characters=MAX_TITLE_LENGTH,
            max_metadata_pairs=metadata.MAX_PAIRS,
            max_metadata_key_characters=metadata.MAX_KEY_LENGTH,
            max_metadata_value_characters=metadata.MAX_VALUE_LENGTH,
        ),
        started_at=services().started_at,
    )
    response = json_response(status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _user() -> StatusUser:
    user = current_user()
    return StatusUser(id=user.public_id, name=user.name)
