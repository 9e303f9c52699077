"""`/v1/prompts`: texts that a user has saved. They are not in OpenAI's API; using them in a response is."""

from __future__ import annotations

from flask import Blueprint, Response, request

from schemas.fields.ids import check_id
from schemas.objects import prompts as objects
from schemas.objects.lists import list_object
from schemas.pages import load_page_query
from schemas.prompts import (
    PROMPT,
    load_new_prompt,
    load_prompt_change,
    load_version,
    load_versions_query,
    variables_of,
)
from server.api.services import json_body, json_response, services
from server.auth.authentication import current_user
from storage import prompts
from storage.records import Prompt, PromptVersion

blueprint = Blueprint("prompts", __name__, url_prefix="/v1/prompts")


@blueprint.post("")
def create_prompt() -> Response:
    wanted = load_new_prompt(json_body())
    created = services().database.run(prompts.create, current_user().id, wanted.name, wanted.text)
    return json_response(_prompt_object(created))


@blueprint.get("")
def list_prompts() -> Response:
    page = load_page_query(request.args.to_dict(flat=False))
    if page.after is not None:
        check_id(page.after, "after", PROMPT)
    found = services().database.run(
        prompts.list_page, current_user().id, after=page.after, limit=page.limit, order=page.order
    )
    return json_response(list_object([_prompt_object(one) for one in found.data], found.has_more))


@blueprint.get("/<prompt_id>")
def retrieve_prompt(prompt_id: str) -> Response:
    check_id(prompt_id, "prompt_id", PROMPT)
    version = load_version(request.args.to_dict(flat=False))
    found = services().database.run(prompts.get, current_user().id, prompt_id, version)
    return json_response(_prompt_object(found))


@blueprint.post("/<prompt_id>")
def update_prompt(prompt_id: str) -> Response:
    """Another text is a new version."""
    check_id(prompt_id, "prompt_id", PROMPT)
    change = load_prompt_change(json_body())
    updated = services().database.run(prompts.update, current_user().id, prompt_id, change.name, change.text)
    return json_response(_prompt_object(updated))


@blueprint.delete("/<prompt_id>")
def delete_prompt(prompt_id: str) -> Response:
    check_id(prompt_id, "prompt_id", PROMPT)
    services().database.run(prompts.delete, current_user().id, prompt_id)
    return json_response(objects.PromptDeleted(id=prompt_id))


@blueprint.get("/<prompt_id>/versions")
def list_versions(prompt_id: str) -> Response:
    check_id(prompt_id, "prompt_id", PROMPT)
    page, after = load_versions_query(request.args.to_dict(flat=False))
    found = services().database.run(
        prompts.versions_page, current_user().id, prompt_id, after=after, limit=page.limit, order=page.order
    )
    return json_response(list_object([_version_object(prompt_id, one) for one in found.data], found.has_more))


# --- on the wire ----------------------------------------------------------------------------------------------------


def _prompt_object(prompt: Prompt) -> objects.Prompt:
    return objects.Prompt(
        id=prompt.public_id,
        name=prompt.name,
        text=prompt.text,
        variables=variables_of(prompt.text),
        version=str(prompt.version),
        created_at=prompt.created_at,
        updated_at=prompt.updated_at,
    )


def _version_object(prompt_id: str, version: PromptVersion) -> objects.PromptVersion:
    return objects.PromptVersion(
        id=str(version.version),
        prompt_id=prompt_id,
        version=str(version.version),
        text=version.text,
        variables=variables_of(version.text),
        created_at=version.created_at,
    )
