"""Which schemas load the body of which request, and what that says of the body as JSON Schema.

What a parameter means is said by `schemas.coverage.table`. It does not know the answers.
"""

from __future__ import annotations

from schemas import (
    chat_completions,
    compaction,
    completions,
    conversations,
    embeddings,
    models,
    prompts,
    responses,
    tokens,
)
from schemas.coverage.table import PARAMETERS
from schemas.coverage.tolerances import tolerated_properties
from schemas.fields.base import RequestSchema
from schemas.fields.json_schema import JSONSchema, document

BODIES: dict[str, tuple[RequestSchema, ...]] = {
    "/v1/chat/completions": (chat_completions.SCHEMA,),
    "/v1/completions": (completions.SCHEMA,),
    "/v1/embeddings": (embeddings.SCHEMA,),
    "/v1/models/{model}/load": (models.LOAD,),
    "/v1/models/{model}/unload": (models.UNLOAD,),
    "/v1/models/load": (models.NAMED,),
    "/v1/models/unload": (models.NAMED,),
    "/v1/responses": (responses.SCHEMA,),
    "/v1/responses/input_tokens": (responses.SCHEMA,),
    "/v1/responses/compact": (compaction.SCHEMA,),
    "/v1/conversations": (conversations.NEW_CONVERSATION,),
    "/v1/conversations/{conversation_id}": (conversations.CHANGE,),
    "/v1/conversations/{conversation_id}/items": (conversations.NEW_ITEMS,),
    "/v1/conversations/{conversation_id}/fork": (conversations.FORK,),
    "/v1/prompts": (prompts.NEW_PROMPT,),
    "/v1/prompts/{prompt_id}": (prompts.CHANGE,),
    "/tokenize": (tokens.TOKENIZE,),
    "/detokenize": (tokens.DETOKENIZE,),
    "/apply-template": (chat_completions.SCHEMA,),
}
"""By the path of a POST request."""


def body_schema(path: str) -> JSONSchema:
    """The body of a POST request, as a document that is complete in itself."""
    endpoint = path.removeprefix("/v1/")
    notes = {row.name: row.note for row in PARAMETERS.get(endpoint, ())}
    return document(*BODIES[path], notes=notes, others=tolerated_properties(endpoint))
