"""Answers: their bytes, OpenAI's own types, and their JSON Schemas."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openai.types import Completion, CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItemList
from openai.types.responses import CompactedResponse, Response
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import BaseModel

from schemas.coverage.table import ENDPOINTS
from schemas.items import message
from schemas.objects import (
    chat_completions,
    completions,
    conversations,
    embeddings,
    errors,
    health,
    models,
    prompts,
    responses,
    status,
    summaries,
    tokens,
)
from schemas.objects.answers import ANSWERS, CHUNKS, COMPONENTS, FAILURE, components
from schemas.objects.lists import list_object
from schemas.objects.timings import timings
from schemas.objects.usage import completion_usage, response_usage
from server.answers.usage import Usage

COMPLETION_USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 3,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
RESPONSE_USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 13,
}


COUNTS = Usage(10, 3, 4, 2)
HEAD = {"id": "cmpl-1", "created": 5, "model": "m", "system_fingerprint": "fp"}
TEXT_HEAD = {"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "m", "system_fingerprint": "fp"}
LOGPROBS = msgspec.Raw(b'{"content":[],"refusal":null}')
CONVERSATION = conversations.Conversation(
    id="conv_1",
    created_at=5,
    metadata={"a": "b"},
    title=None,
    updated_at=6,
    root_id="conv_0",
    forked_from=conversations.Fork(conversation_id="conv_0", item_id=None, position=0),
    instructions=None,
    defaults={"top_k": 1},
    pinned=False,
    archived=True,
    active_response_id=None,
)
CONVERSATION_SENT = {
    "id": "conv_1",
    "object": "conversation",
    "created_at": 5,
    "metadata": {"a": "b"},
    "title": None,
    "updated_at": 6,
    "root_id": "conv_0",
    "forked_from": {"conversation_id": "conv_0", "item_id": None, "position": 0},
    "instructions": None,
    "defaults": {"top_k": 1},
    "pinned": False,
    "archived": True,
    "active_response_id": None,
}
MATCH = conversations.ConversationMatch(
    conversation=CONVERSATION, item_id="msg_1", snippet=[conversations.SnippetPart(text="tea", is_match=True)]
)
MATCH_SENT = {
    "object": "conversation.match",
    "conversation": CONVERSATION_SENT,
    "item_id": "msg_1",
    "snippet": [{"text": "tea", "is_match": True}],
}
PROMPT = {
    "id": "pmpt_1",
    "object": "prompt",
    "name": "greet",
    "text": "Hello {{name}}",
    "variables": ["name"],
    "version": "2",
    "created_at": 5,
    "updated_at": 6,
}
PROMPT_VERSION = {
    "id": "1",
    "object": "prompt.version",
    "prompt_id": "pmpt_1",
    "version": "1",
    "text": "Hello",
    "variables": [],
    "created_at": 5,
}
FAMILY = {
    "num_conversations": 2,
    "newest_conversation_id": "conv_2",
    "updated_at": 7,
    "active_response_ids": ["resp_1"],
}
SUMMARY = {
    "id": "resp_1",
    "status": "completed",
    "model": "m",
    "created_at": 5,
    "completed_at": 6,
    "usage": {"total_tokens": 3},
    "timings": None,
    "incomplete_details": None,
    "error": None,
}
LIMITS = {name: number for number, name in enumerate(status.Limits.__struct_fields__)}
STATUS = status.Status(
    version="1.0",
    auth="keys",
    user=status.StatusUser(id="user_1", name="ada"),
    titles=True,
    limits=status.Limits(**LIMITS),
    started_at=5,
)
ITEM = {**message("user", "hi"), "id": "msg_1"}
MODEL = models.Model(
    id="m",
    created=5,
    aliases=("a",),
    state="loading",
    progress=0.5,
    message="reading",
    capabilities=models.Capabilities(generates=True, embeds=False, tools=None, reasoning=None),
    device=None,
)
MODEL_SENT = {
    "id": "m",
    "object": "model",
    "created": 5,
    "owned_by": "parley",
    "aliases": ["a"],
    "state": "loading",
    "progress": 0.5,
    "message": "reading",
    "capabilities": {"generates": True, "embeds": False, "tools": None, "reasoning": None},
    "device": None,
}
META = {
    "description": "llama 1B",
    "n_ctx": 8,
    "n_ctx_train": 9,
    "n_vocab": 10,
    "n_params": 11,
    "size": 12,
    "num_slots": 2,
}
FUNCTION = chat_completions.CalledFunction(name="f", arguments="{}")
FUNCTION_SENT = {"name": "f", "arguments": "{}"}


TIMES = timings(1, 4, 0.5, 2, 0.25, first_token_seconds=0.75, queue_seconds=None)
TIMINGS = {
    "cache_n": 1,
    "prompt_n": 4,
    "prompt_ms": 500.0,
    "prompt_per_token_ms": 125.0,
    "prompt_per_second": 8.0,
    "predicted_n": 2,
    "predicted_ms": 250.0,
    "predicted_per_token_ms": 125.0,
    "predicted_per_second": 8.0,
    "first_token_ms": 750.0,
    "queue_ms": None,
}


def chat_choice(finish_reason: str, **fields: Any) -> chat_completions.ChatCompletionChoice:
    said = chat_completions.ChatMessage(**fields)
    return chat_completions.ChatCompletionChoice(index=0, message=said, logprobs=None, finish_reason=finish_reason)


def chat_choice_sent(finish_reason: str, **fields: Any) -> dict[str, Any]:
    content = fields.pop("content")
    said = {"role": "assistant", "content": content, "refusal": None, **fields}
    return {"index": 0, "message": said, "logprobs": None, "finish_reason": finish_reason}


def chat_completion(*choices: chat_completions.ChatCompletionChoice) -> chat_completions.ChatCompletion:
    head: dict[str, Any] = HEAD
    return chat_completions.ChatCompletion(**head, choices=choices, usage=completion_usage(COUNTS), timings=TIMES)


def chat_completion_sent(*choices: dict[str, Any]) -> dict[str, Any]:
    return {
        **HEAD,
        "object": "chat.completion",
        "choices": list(choices),
        "usage": COMPLETION_USAGE,
        "timings": TIMINGS,
    }


def chat_chunk(**fields: Any) -> chat_completions.ChatCompletionChunk:
    head: dict[str, Any] = HEAD
    return chat_completions.ChatCompletionChunk(**head, **fields)


def delta_chunk(**fields: Any) -> chat_completions.ChatCompletionChunk:
    delta = chat_completions.ChatDelta(**fields)
    return chat_chunk(choices=[chat_completions.ChatChunkChoice(index=0, delta=delta)])


def chat_chunk_sent(**fields: Any) -> dict[str, Any]:
    return {**HEAD, "object": "chat.completion.chunk", **fields}


def delta_chunk_sent(**fields: Any) -> dict[str, Any]:
    return chat_chunk_sent(choices=[{"index": 0, "delta": fields, "logprobs": None, "finish_reason": None}])


RESPONSE = responses.Response(
    id="resp_1",
    created_at=5,
    status="in_progress",
    background=False,
    conversation=responses.ConversationId(id="conv_1"),
    frequency_penalty=0.5,
    instructions=None,
    max_output_tokens=None,
    model="m",
    parallel_tool_calls=True,
    presence_penalty=0.0,
    previous_response_id=None,
    prompt_cache_key=None,
    prompt_cache_retention=None,
    reasoning=responses.ReasoningOptions(effort=None, summary=None),
    safety_identifier=None,
    store=True,
    temperature=1.0,
    text=responses.ResponseText(format={"type": "text"}),
    tool_choice="auto",
    tools=[],
    top_logprobs=0,
    top_p=1.0,
    truncation="disabled",
    metadata={},
)
RESPONSE_SENT = {
    "id": "resp_1",
    "object": "response",
    "created_at": 5,
    "status": "in_progress",
    "background": False,
    "completed_at": None,
    "conversation": {"id": "conv_1"},
    "error": None,
    "frequency_penalty": 0.5,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": "m",
    "output": [],
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
    "metadata": {},
    "timings": None,
}

SAMPLES: list[tuple[msgspec.Struct, dict[str, Any], type[BaseModel] | None]] = [
    (MODEL, MODEL_SENT, Model),
    (
        msgspec.structs.replace(MODEL, meta=models.ModelMeta(**META)),  # type: ignore[arg-type]
        {**MODEL_SENT, "meta": META},
        Model,
    ),
    (models.RouterOutcome(), {"success": True}, None),
    (models.ModelList(data=[MODEL]), {"object": "list", "data": [MODEL_SENT]}, None),
    (CONVERSATION, CONVERSATION_SENT, Conversation),
    (
        msgspec.structs.replace(CONVERSATION, family=conversations.Family(**FAMILY)),  # type: ignore[arg-type]
        {**CONVERSATION_SENT, "family": FAMILY},
        Conversation,
    ),
    (
        msgspec.structs.replace(
            CONVERSATION,
            parley=conversations.ConversationExtras(last_response=summaries.ResponseSummary(**SUMMARY)),  # type: ignore[arg-type]
        ),
        {**CONVERSATION_SENT, "parley": {"last_response": SUMMARY}},
        Conversation,
    ),
    (
        list_object([MATCH], has_more=False),
        {"object": "list", "data": [MATCH_SENT], "first_id": "conv_1", "last_id": "conv_1", "has_more": False},
        None,
    ),
    (prompts.Prompt(**PROMPT), PROMPT, None),  # type: ignore[arg-type]
    (
        prompts.PromptVersion(**PROMPT_VERSION),  # type: ignore[arg-type]
        PROMPT_VERSION,
        None,
    ),
    (
        prompts.PromptDeleted(id="pmpt_1"),
        {"id": "pmpt_1", "object": "prompt.deleted", "deleted": True},
        None,
    ),
    (
        conversations.ConversationDeleted(id="conv_1"),
        {"id": "conv_1", "object": "conversation.deleted", "deleted": True},
        ConversationDeletedResource,
    ),
    (
        list_object([CONVERSATION], has_more=True),
        {"object": "list", "data": [CONVERSATION_SENT], "first_id": "conv_1", "last_id": "conv_1", "has_more": True},
        None,
    ),
    (
        list_object([ITEM, {**ITEM, "id": "msg_2"}], has_more=False),
        {
            "object": "list",
            "data": [ITEM, {**ITEM, "id": "msg_2"}],
            "first_id": "msg_1",
            "last_id": "msg_2",
            "has_more": False,
        },
        ConversationItemList,
    ),
    (
        list_object([], has_more=False),
        {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False},
        ConversationItemList,
    ),
    (
        embeddings.EmbeddingList(
            data=[embeddings.Embedding(index=0, embedding=[0.5, -1.0])],
            model="m",
            usage=embeddings.EmbeddingUsage(prompt_tokens=2, total_tokens=2),
        ),
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
            "model": "m",
            "usage": {"prompt_tokens": 2, "total_tokens": 2},
        },
        CreateEmbeddingResponse,
    ),
    (
        errors.ErrorBody(error=errors.ErrorObject(message="No.", type="invalid_request_error", param="n", code=None)),
        {"error": {"message": "No.", "type": "invalid_request_error", "param": "n", "code": None}},
        None,
    ),
    (tokens.Tokens(tokens=[1, 2]), {"tokens": [1, 2]}, None),
    (
        tokens.Tokens(tokens=[tokens.TokenPiece(id=1, piece="a"), tokens.TokenPiece(id=2, piece=[195])]),
        {"tokens": [{"id": 1, "piece": "a"}, {"id": 2, "piece": [195]}]},
        None,
    ),
    (tokens.Detokenized(content="a"), {"content": "a"}, None),
    (tokens.Prompt(prompt="a"), {"prompt": "a"}, None),
    (health.Health(), {"status": "ok"}, None),
    (
        health.Readiness(
            status="not ready",
            models={
                "m": health.ModelReadiness(state="loading", progress=0.5, message="", retry_at=None, chat_template=None)
            },
        ),
        {
            "status": "not ready",
            "models": {
                "m": {"state": "loading", "progress": 0.5, "message": "", "retry_at": None, "chat_template": None}
            },
        },
        None,
    ),
    (
        chat_completion(chat_choice("stop", content="hi", reasoning_content="Hm.")),
        chat_completion_sent(chat_choice_sent("stop", content="hi", reasoning_content="Hm.")),
        ChatCompletion,
    ),
    (
        chat_completion(
            chat_choice("tool_calls", content=None, tool_calls=[chat_completions.ToolCall(id="c", function=FUNCTION)])
        ),
        chat_completion_sent(
            chat_choice_sent(
                "tool_calls", content=None, tool_calls=[{"id": "c", "type": "function", "function": FUNCTION_SENT}]
            )
        ),
        ChatCompletion,
    ),
    (
        chat_completion(chat_choice("function_call", content=None, function_call=FUNCTION)),
        chat_completion_sent(chat_choice_sent("function_call", content=None, function_call=FUNCTION_SENT)),
        ChatCompletion,
    ),
    (delta_chunk(role="assistant", content=""), delta_chunk_sent(role="assistant", content=""), ChatCompletionChunk),
    (
        delta_chunk(
            tool_calls=[
                chat_completions.ToolCallDelta(
                    index=0,
                    id="c",
                    type="function",
                    function=chat_completions.FunctionDelta(name="f", arguments=""),
                )
            ]
        ),
        delta_chunk_sent(
            tool_calls=[{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]
        ),
        ChatCompletionChunk,
    ),
    (
        delta_chunk(
            tool_calls=[chat_completions.ToolCallDelta(index=0, function=chat_completions.FunctionDelta(arguments="{"))]
        ),
        delta_chunk_sent(tool_calls=[{"index": 0, "function": {"arguments": "{"}}]),
        ChatCompletionChunk,
    ),
    (
        chat_chunk(choices=[], usage=completion_usage(COUNTS), timings=TIMES),
        chat_chunk_sent(choices=[], usage=COMPLETION_USAGE, timings=TIMINGS),
        ChatCompletionChunk,
    ),
    (
        completions.TextCompletion(
            id="cmpl-1",
            created=5,
            model="m",
            system_fingerprint="fp",
            choices=[completions.TextChoice(text="a", index=0, logprobs=None, finish_reason="length")],
            usage=completion_usage(COUNTS),
        ),
        {
            **TEXT_HEAD,
            "choices": [{"text": "a", "index": 0, "logprobs": None, "finish_reason": "length"}],
            "usage": COMPLETION_USAGE,
        },
        Completion,
    ),
    (RESPONSE, RESPONSE_SENT, Response),
    (
        msgspec.structs.replace(
            RESPONSE,
            status="incomplete",
            incomplete_details=responses.IncompleteDetails(reason="max_output_tokens"),
            usage=response_usage(COUNTS),
            dropped=responses.Dropped(turns=1, items=2),
        ),
        {
            **RESPONSE_SENT,
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "usage": RESPONSE_USAGE,
            "dropped": {"turns": 1, "items": 2},
        },
        Response,
    ),
    (
        responses.ResponseDeleted(id="resp_1"),
        {"id": "resp_1", "object": "response", "deleted": True},
        None,
    ),
    (
        STATUS,
        {
            "object": "status",
            "version": "1.0",
            "auth": "keys",
            "user": {"id": "user_1", "name": "ada"},
            "titles": True,
            "limits": LIMITS,
            "started_at": 5,
        },
        None,
    ),
    (
        responses.InputTokens(input_tokens=5),
        {"object": "response.input_tokens", "input_tokens": 5},
        InputTokenCountResponse,
    ),
    (
        responses.CompactedResponse(
            id="resp_1",
            created_at=5,
            output=[{"id": "cmp_1", "type": "compaction", "encrypted_content": "x"}],
            usage=response_usage(COUNTS),
        ),
        {
            "id": "resp_1",
            "object": "response.compaction",
            "created_at": 5,
            "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "x"}],
            "usage": RESPONSE_USAGE,
        },
        CompactedResponse,
    ),
]
"""Answers, what is sent of them in this order, and how OpenAI's client reads it, where it has a type for it."""
SAMPLE_IDS = [f"{type(answer).__name__}{number}" for number, (answer, _, _) in enumerate(SAMPLES)]
TYPES = [*ANSWERS.values(), *CHUNKS.values(), FAILURE]
SCHEMAS, NAMED = components(TYPES)


@pytest.mark.parametrize(("answer", "sent", "sdk_type"), SAMPLES, ids=SAMPLE_IDS)
def test_an_answer_is_sent_in_its_order_and_openais_client_reads_it(
    answer: msgspec.Struct, sent: dict[str, Any], sdk_type: type[BaseModel] | None
) -> None:
    assert msgspec.json.encode(answer) == msgspec.json.encode(sent)
    if sdk_type is not None:
        sdk_type.model_validate_json(msgspec.json.encode(answer), strict=True)


@pytest.mark.parametrize(("answer", "sent"), [(answer, sent) for answer, sent, _ in SAMPLES], ids=SAMPLE_IDS)
def test_an_answer_is_valid_by_its_schema_and_has_no_other_members(
    answer: msgspec.Struct, sent: dict[str, Any]
) -> None:
    name = type(answer).__name__
    for name in [one for one in NAMED if one.partition("_")[0] == name]:
        closed = {**NAMED[name], "additionalProperties": False}
        if name.startswith("Page"):
            closed["properties"] = {**closed["properties"], "data": {"type": "array"}}
        Draft202012Validator({**closed, "components": {"schemas": NAMED}}).validate(sent)


def test_every_answer_is_in_a_sample() -> None:
    sampled = {type(answer) for answer, _, _ in SAMPLES}
    assert {getattr(one, "__origin__", one) for one in TYPES} - sampled == {dict}


def test_every_endpoint_that_answers_in_json_is_described() -> None:
    done = {(row.method, row.path) for row in ENDPOINTS if row.status == "done" and not row.is_alias}
    page = {"/", "/c/{conversation_id}", "/assets/{name}", "/licenses.txt", "/favicon.ico"}
    assert set(ANSWERS) == done - {("GET", path) for path in ("/metrics", *page)}


def test_an_alias_is_of_an_endpoint_that_is_done() -> None:
    done = {(row.method, row.path) for row in ENDPOINTS if row.status == "done"}
    assert {(row.method, f"/v1{row.path}") for row in ENDPOINTS if row.is_alias} <= done


def test_what_describes_the_answers_is_valid_json_schema() -> None:
    for schema in (*SCHEMAS, *NAMED.values()):
        Draft202012Validator.check_schema(schema)
    assert {schema["$ref"].removeprefix(COMPONENTS) for schema in SCHEMAS if "$ref" in schema} <= set(NAMED)


def test_only_what_is_not_always_there_may_be_missing() -> None:
    assert set(NAMED["Model"]["properties"]) - set(NAMED["Model"]["required"]) == {"meta"}
    assert NAMED["ChatMessage"]["required"] == ["role", "content", "refusal"]
    assert set(NAMED["Response"]["properties"]) - set(NAMED["Response"]["required"]) == {"dropped", "prompt"}


def test_the_beginning_of_a_stream_is_a_chunk_without_choices() -> None:
    assert msgspec.json.encode(chat_chunk()) == msgspec.json.encode(chat_chunk_sent())
