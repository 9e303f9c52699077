"""The coverage table against the schemas and against the request types of OpenAI's own client."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import ChatCompletionStreamOptionsParam
from openai.types.chat import completion_create_params as chat_completion_create_params
from openai.types.responses import response_compact_params, response_create_params

import schemas.chat_completions
import schemas.compaction
import schemas.completions
import schemas.embeddings
import schemas.responses
from schemas.chat_completions import load_chat_completion
from schemas.compaction import load_compaction
from schemas.completions import load_completion
from schemas.coverage.page import coverage_markdown
from schemas.coverage.rows import Parameter
from schemas.coverage.table import ENDPOINTS, PARAMETERS
from schemas.coverage.tolerances import TYPES
from schemas.embeddings import load_embedding
from schemas.fields.errors import SchemaError
from schemas.responses import load_response

Load = Callable[[Mapping[str, Any]], object]

CHAT, COMPLETIONS, RESPONSES, COMPACT = "chat/completions", "completions", "responses", "responses/compact"
EMBEDDINGS = "embeddings"
LOADERS: dict[str, Load] = {
    CHAT: load_chat_completion,
    COMPLETIONS: load_completion,
    RESPONSES: load_response,
    COMPACT: load_compaction,
    EMBEDDINGS: load_embedding,
}
SCHEMAS = {
    CHAT: schemas.chat_completions.SCHEMA,
    COMPLETIONS: schemas.completions.SCHEMA,
    RESPONSES: schemas.responses.SCHEMA,
    COMPACT: schemas.compaction.SCHEMA,
    EMBEDDINGS: schemas.embeddings.SCHEMA,
}
BASES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    COMPLETIONS: {"prompt": "hi"},
    RESPONSES: {"input": "hi"},
    COMPACT: {"input": "hi"},
    EMBEDDINGS: {"input": "hi"},
}
SDK_TYPES: dict[str, tuple[type, ...]] = {
    CHAT: (
        chat_completion_create_params.CompletionCreateParamsNonStreaming,
        chat_completion_create_params.CompletionCreateParamsStreaming,
    ),
    COMPLETIONS: (
        completion_create_params.CompletionCreateParamsNonStreaming,
        completion_create_params.CompletionCreateParamsStreaming,
    ),
    RESPONSES: (
        response_create_params.ResponseCreateParamsBase,
        response_create_params.ResponseCreateParamsStreaming,
    ),
    COMPACT: (response_compact_params.ResponseCompactParams,),
    EMBEDDINGS: (embedding_create_params.EmbeddingCreateParams,),
}
STREAM_OPTIONS: dict[str, type] = {
    CHAT: ChatCompletionStreamOptionsParam,
    COMPLETIONS: ChatCompletionStreamOptionsParam,
    RESPONSES: response_create_params.StreamOptions,
}

REFUSED_VALUES: dict[str, list[Any]] = {
    "store": [True, 1, "yes"],
    "audio": [{"voice": "alloy", "format": "wav"}, {}],
    "modalities": [["text", "audio"], ["audio"], [], "text"],
    "web_search_options": [{}, {"search_context_size": "low"}],
    "moderation": [{"model": "m"}],
    "min_tokens": [1, False, "0"],
    "prompt_logprobs": [0, 5, -1],
    "return_token_ids": [True, 0],
    "truncate_prompt_tokens": [5, -1],
}
NEUTRAL_VALUES: dict[str, list[dict[str, Any]]] = {
    "store": [{"store": False}],
    "modalities": [{"modalities": ["text"]}],
    "min_tokens": [{"min_tokens": 0}],
    "return_token_ids": [{"return_token_ids": False}],
}
VALUES: tuple[Any, ...] = (0, 1.5, True, "x", [], [5], {}, {"a": 5})


def rows(status: str) -> list[Any]:
    found = ((endpoint, row) for endpoint, table in PARAMETERS.items() for row in table if row.status == status)
    return [pytest.param(endpoint, row, id=f"{endpoint} {row.name}") for endpoint, row in found]


def sdk_names(endpoint: str) -> set[str]:
    names = {name for sdk_type in SDK_TYPES[endpoint] for name in sdk_type.__annotations__}
    options = STREAM_OPTIONS[endpoint].__annotations__ if endpoint in STREAM_OPTIONS else {}
    return names - {"stream_options"} | {f"stream_options.{name}" for name in options}


def only(endpoint: str, fields: dict[str, Any]) -> object:
    return LOADERS[endpoint]({**BASES[endpoint], **fields})


@pytest.mark.parametrize("endpoint", PARAMETERS)
def test_the_table_lists_each_parameter_once(endpoint: str) -> None:
    names = [row.name for row in PARAMETERS[endpoint]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("endpoint", PARAMETERS)
def test_the_table_lists_what_openais_client_can_send_and_marks_the_rest_as_extra(endpoint: str) -> None:
    assert {row.name for row in PARAMETERS[endpoint] if not row.is_extra} == sdk_names(endpoint)


@pytest.mark.parametrize("endpoint", PARAMETERS)
def test_what_is_done_is_what_the_schema_loads(endpoint: str) -> None:
    done = {row.name.partition(".")[0] for row in PARAMETERS[endpoint] if row.status == "done"}
    assert done == set(SCHEMAS[endpoint].load_fields)


@pytest.mark.parametrize(("endpoint", "row"), rows("refused"))
def test_what_is_refused_is_a_400_with_its_name(endpoint: str, row: Parameter) -> None:
    for value in REFUSED_VALUES.get(row.name, ["x", {"a": 5}, ["x"]]):
        with pytest.raises(SchemaError) as caught:
            only(endpoint, {row.name: value})
        assert (caught.value.param, caught.value.code) == (row.name, "unsupported_parameter")
        assert caught.value.message == f"'{row.name}' is not supported: {row.note}."


@pytest.mark.parametrize(("endpoint", "row"), rows("refused"))
def test_what_is_refused_may_be_null_or_ask_for_nothing(endpoint: str, row: Parameter) -> None:
    plain = only(endpoint, {})
    assert only(endpoint, {row.name: None}) == plain
    for fields in NEUTRAL_VALUES.get(row.name, []):
        n = {"n": fields["n"]} if "n" in fields else {}
        assert only(endpoint, fields) == only(endpoint, n)


@pytest.mark.parametrize(("endpoint", "row"), rows("tolerated"))
def test_what_is_tolerated_changes_nothing_and_is_a_400_with_its_name_if_it_is_of_another_type(
    endpoint: str, row: Parameter
) -> None:
    outer, _, inner = row.name.partition(".")
    stream = {"stream": True} if inner else {}
    assert row.json_type is not None
    for value in (None, *VALUES):
        fields = {**stream, outer: {inner: value} if inner else value}
        if value is None or type(value) is TYPES[row.json_type][0]:
            assert only(endpoint, fields) == only(endpoint, stream)
            continue
        with pytest.raises(SchemaError) as caught:
            only(endpoint, fields)
        assert (caught.value.param, caught.value.code) == (row.name, "invalid_type")
    if inner:
        with pytest.raises(SchemaError, match=f"'{outer}' must be an object"):
            only(endpoint, {**stream, outer: 5})


def test_every_refusal_says_why() -> None:
    assert [row for table in PARAMETERS.values() for row in table if row.status != "done" and not row.note] == []


def test_the_table_lists_openais_text_endpoints() -> None:
    ours = {(row.method, row.path) for row in ENDPOINTS if not row.is_extra}
    assert sdk_endpoints() == ours


def sdk_endpoints() -> set[tuple[str, str]]:
    """What the resources of OpenAI's client call, read from their source."""
    text_api = ("chat/completions", "completions", "models", "embeddings", "responses", "conversations", "threads")
    call = re.compile(r'self\._(get_api_list|get|post|delete)\(\s*(?:path_template\(\s*)?"/([^"?]+)["?]')
    resources = Path(openai.__file__).parent / "resources"
    found = {match.groups() for file in resources.rglob("*.py") for match in call.finditer(file.read_text("utf-8"))}
    is_text = re.compile(f"({'|'.join(text_api)})(/|$)")
    methods = {"get_api_list": "GET", "get": "GET", "post": "POST", "delete": "DELETE"}
    return {(methods[method], f"/v1/{path}") for method, path in found if is_text.match(path)}


def test_the_page_has_a_row_for_each_endpoint_and_parameter() -> None:
    lines = coverage_markdown().splitlines()
    for endpoint in ENDPOINTS:
        assert any(line.startswith(f"| `{endpoint.method} {endpoint.path}` | {endpoint.status} |") for line in lines)
    for table in PARAMETERS.values():
        for row in table:
            assert any(line.startswith(f"| `{row.name}` | {row.status} |") for line in lines)


def test_the_page_is_made_of_tables_of_three_columns() -> None:
    tables = [line for line in coverage_markdown().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {4}
    assert coverage_markdown().endswith("|\n")
