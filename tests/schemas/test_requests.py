"""What requests look like, by their JSON Schemas and by their loaders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.chat_completions import load_chat_completion
from schemas.compaction import load_compaction
from schemas.completions import load_completion
from schemas.conversations import load_conversation_change, load_fork, load_new_conversation, load_new_items
from schemas.coverage.table import ENDPOINTS, PARAMETERS
from schemas.embeddings import load_embedding
from schemas.fields.errors import SchemaError
from schemas.models import load_load, load_named_model, load_unload
from schemas.prompts import load_new_prompt, load_prompt_change
from schemas.requests import BODIES, body_schema
from schemas.responses import load_response
from schemas.tokens import load_detokenize, load_tokenize
from tests.schemas import test_conversations, test_generation, test_items, test_messages, test_responses, test_sampling
from tests.schemas.instances import Instances

LOADERS: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "/v1/chat/completions": load_chat_completion,
    "/v1/completions": load_completion,
    "/v1/embeddings": load_embedding,
    "/v1/models/{model}/load": load_load,
    "/v1/models/{model}/unload": load_unload,
    "/v1/models/load": load_named_model,
    "/v1/models/unload": load_named_model,
    "/v1/responses": load_response,
    "/v1/responses/input_tokens": load_response,
    "/v1/responses/compact": load_compaction,
    "/v1/conversations": load_new_conversation,
    "/v1/conversations/{conversation_id}": load_conversation_change,
    "/v1/conversations/{conversation_id}/items": load_new_items,
    "/v1/conversations/{conversation_id}/fork": load_fork,
    "/v1/prompts": load_new_prompt,
    "/v1/prompts/{prompt_id}": load_prompt_change,
    "/tokenize": load_tokenize,
    "/detokenize": load_detokenize,
    "/apply-template": load_chat_completion,
}
DOCUMENTS = {path: body_schema(path) for path in BODIES}
BASES: dict[str, dict[str, Any]] = {
    "/v1/responses": {"input": "hi"},
    "/v1/responses/input_tokens": {"input": "hi"},
    "/v1/responses/compact": {"input": "hi"},
    "/v1/conversations/{conversation_id}": {"title": "T"},
    "/v1/prompts/{prompt_id}": {"name": "n"},
}
"""What is needed by a rule that JSON Schema cannot say: without it nearly everything would be refused."""
VALIDATORS = {path: Draft202012Validator(document) for path, document in DOCUMENTS.items()}

UNSAID = re.compile(
    "|".join(
        [
            # between members
            "is only allowed when",
            "is only possible with prompts that are texts",
            "is not possible in a stream",
            "is not allowed together with",
            "must make one demand",
            "is the deprecated form of",
            "cannot go together with",
            "cannot be true together with",
            "needs a last message of the assistant",
            "is required unless",
            "'metadata' is required, but was not given",  # of a conversation's change, unless there is a title
            "must not be null unless there is",
            "needs the response to be stored",
            "makes [0-9]+ choices over all prompts",
            "as many as 'n'",
            "unless 'echo' is true",
            "demands a call, but there is no function",
            "must be the name of a function",
            "must be the only one of its name",
            # of a value itself
            r"must be an integer, got -?[0-9]+(\.0|(\.[0-9]+)?e\+[0-9]+)\.$",  # 5.0 is one in JSON Schema
            "must have token ids as its keys",  # ten digits may be more than 32 bits
            "must have at most 40 bytes",
            "must not begin or end with white space",
            "must be the number of a version",  # ten digits may be more than 32 bits
            "but this model takes text only",
            # what the coverage table refuses by name
            "is not supported: (?!.*this server calls functions only)",
        ]
    )
)
"""Rules that the loaders know and JSON Schema cannot say, or not without a riddle."""


def refusal(path: str, body: Mapping[str, Any]) -> SchemaError | None:
    try:
        LOADERS[path](body)
    except SchemaError as error:
        return error
    return None


def test_every_body_that_a_post_request_may_have_is_described() -> None:
    posts = {row.path for row in ENDPOINTS if (row.method, row.status) == ("POST", "done") and not row.is_alias}
    assert set(BODIES) == posts - {"/v1/responses/{response_id}/cancel"}


@pytest.mark.parametrize("path", BODIES)
def test_what_describes_a_body_is_valid_json_schema(path: str) -> None:
    Draft202012Validator.check_schema(DOCUMENTS[path])


@pytest.mark.parametrize("path", BODIES)
def test_members_are_described_in_the_words_of_the_coverage_table(path: str) -> None:
    rows = PARAMETERS.get(path.removeprefix("/v1/"), ())
    properties = DOCUMENTS[path]["properties"]
    notes = {row.name: row.note for row in rows if row.note and row.name in properties}
    assert {name: one["description"] for name, one in properties.items() if "description" in one} == notes


@pytest.mark.parametrize("path", BODIES)
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_a_loader_accepts_is_valid(path: str, data: st.DataObject) -> None:
    document = DOCUMENTS[path]
    body = {**BASES.get(path, {}), **Instances(data.draw, document["$defs"], wrong_share=5).of(document)}
    if refusal(path, body) is None:
        VALIDATORS[path].validate(body)


@pytest.mark.parametrize("path", BODIES)
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_valid_is_refused_only_by_a_rule_that_json_schema_cannot_say(path: str, data: st.DataObject) -> None:
    document = DOCUMENTS[path]
    body = {**BASES.get(path, {}), **Instances(data.draw, document["$defs"]).of(document)}
    VALIDATORS[path].validate(body)
    error = refusal(path, body)
    assert error is None or UNSAID.search(error.message), error


# --- the loaders' own cases -----------------------------------------------------------------------------------------


def cases_of(test: Callable[..., None]) -> Iterator[tuple[Any, ...]]:
    """The values of a test that is parametrized once."""
    (mark,) = test.pytestmark  # type: ignore[attr-defined]
    yield from mark.args[1]


USER = {"role": "user", "content": "hi"}
OWN_CASES: list[tuple[str, dict[str, Any]]] = [
    *(
        ("/v1/conversations/{conversation_id}/items", {"items": [USER, item]})
        for item, _ in cases_of(test_items.test_a_bad_item_is_named_with_its_path)
    ),
    *(
        ("/v1/chat/completions", {"messages": [USER, message]})
        for message, _ in cases_of(test_messages.test_a_bad_message_is_named_with_its_path)
    ),
    *(
        ("/v1/conversations", {"metadata": metadata})
        for metadata, _ in cases_of(test_conversations.test_bad_metadata_is_named)
    ),
    *(("/v1/responses", body) for body, _ in cases_of(test_responses.test_what_is_wrong_is_named)),
    *(
        (path, {**base, "stop": stop})
        for stop, _ in cases_of(test_generation.test_a_bad_stop_string_is_named_with_its_place)
        for path, base in (("/v1/chat/completions", {"messages": [USER]}), ("/v1/completions", {"prompt": "hi"}))
    ),
    *(
        ("/v1/completions", {"prompt": "hi", name: bad})
        for name, (least, most) in test_sampling.BOUNDS.items()
        for bad in (least - 2, most + 2, "1", True)
    ),
]


@pytest.mark.parametrize(("path", "body"), OWN_CASES, ids=str)
def test_what_violates_a_bound_a_type_or_an_enum_is_refused_by_both(path: str, body: dict[str, Any]) -> None:
    error = refusal(path, body)
    assert error is not None
    assert VALIDATORS[path].is_valid(body) == bool(UNSAID.search(error.message)), error
