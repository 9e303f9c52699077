"""What each endpoint answers with when all goes well, and what that looks like as JSON Schema.

Items are dicts of many kinds, which are not described. What is not JSON, such as metrics, is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from schemas.objects import completions, conversations, embeddings, health, models, prompts, responses, status, tokens
from schemas.objects.chat_completions import ChatCompletion, ChatCompletionChunk
from schemas.objects.errors import ErrorBody
from schemas.objects.lists import Page

Item = dict[str, Any]

ANSWERS: dict[tuple[str, str], Any] = {
    ("POST", "/v1/chat/completions"): ChatCompletion,
    ("POST", "/v1/completions"): completions.TextCompletion,
    ("GET", "/v1/models"): models.ModelList,
    ("GET", "/v1/models/{model}"): models.Model,
    ("POST", "/v1/models/{model}/load"): models.Model,
    ("POST", "/v1/models/{model}/unload"): models.Model,
    ("POST", "/v1/models/load"): models.RouterOutcome,
    ("POST", "/v1/models/unload"): models.RouterOutcome,
    ("POST", "/v1/embeddings"): embeddings.EmbeddingList,
    ("POST", "/v1/responses"): responses.Response,
    ("GET", "/v1/responses/{response_id}"): responses.Response,
    ("DELETE", "/v1/responses/{response_id}"): responses.ResponseDeleted,
    ("POST", "/v1/responses/{response_id}/cancel"): responses.Response,
    ("GET", "/v1/responses/{response_id}/input_items"): Page[Item],
    ("POST", "/v1/responses/input_tokens"): responses.InputTokens,
    ("POST", "/v1/responses/compact"): responses.CompactedResponse,
    ("GET", "/v1/conversations"): Page[conversations.Conversation],
    ("POST", "/v1/conversations"): conversations.Conversation,
    ("GET", "/v1/conversations/search"): Page[conversations.ConversationMatch],
    ("GET", "/v1/conversations/{conversation_id}"): conversations.Conversation,
    ("POST", "/v1/conversations/{conversation_id}"): conversations.Conversation,
    ("DELETE", "/v1/conversations/{conversation_id}"): conversations.ConversationDeleted,
    ("POST", "/v1/conversations/{conversation_id}/fork"): conversations.Conversation,
    ("GET", "/v1/conversations/{conversation_id}/items"): Page[Item],
    ("POST", "/v1/conversations/{conversation_id}/items"): Page[Item],
    ("GET", "/v1/conversations/{conversation_id}/items/{item_id}"): Item,
    ("DELETE", "/v1/conversations/{conversation_id}/items/{item_id}"): conversations.Conversation,
    ("GET", "/v1/status"): status.Status,
    ("GET", "/v1/prompts"): Page[prompts.Prompt],
    ("POST", "/v1/prompts"): prompts.Prompt,
    ("GET", "/v1/prompts/{prompt_id}"): prompts.Prompt,
    ("POST", "/v1/prompts/{prompt_id}"): prompts.Prompt,
    ("DELETE", "/v1/prompts/{prompt_id}"): prompts.PromptDeleted,
    ("GET", "/v1/prompts/{prompt_id}/versions"): Page[prompts.PromptVersion],
    ("POST", "/tokenize"): tokens.Tokens,
    ("POST", "/detokenize"): tokens.Detokenized,
    ("POST", "/apply-template"): tokens.Prompt,
    ("GET", "/health"): health.Health,
    ("GET", "/healthz"): health.Health,
    ("GET", "/readyz"): health.Readiness,
}
"""By method and path."""

CHUNKS: dict[tuple[str, str], Any] = {
    ("POST", "/v1/chat/completions"): ChatCompletionChunk,
    ("POST", "/v1/completions"): completions.TextCompletion,
}
"""What the events of a stream have as their data, where it is always one object."""

FAILURE = ErrorBody
"""Body of every answer that is an error; a server that is not ready says so as `Readiness`."""

COMPONENTS = "#/components/schemas/"


def components(types: Iterable[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The JSON Schema of each type, and those that they refer to, by name and as OpenAPI has them."""
    found, named = msgspec.json.schema_components(types, ref_template=COMPONENTS + "{name}")
    return list(found), {name: _whole(schema) for name, schema in named.items()}


def _whole(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A struct's schema, as it is sent: what has a default is there as well, only what can be UNSET may be missing."""
    members = schema["properties"].items()
    return {
        **schema,
        "properties": {name: {word: member[word] for word in member if word != "default"} for name, member in members},
        "required": [name for name, member in members if name in schema["required"] or "default" in member],
    }
