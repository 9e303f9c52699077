"""A backend is one class that implements one protocol: what the endpoints make of one that has no engine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from werkzeug.test import TestResponse

from server.answers.parts import ChoicePart, ContentText, End, ReasoningText, ToolCallArguments, ToolCallStarted
from server.api.services import Services
from server.app import assemble
from server.backends.served import ServedModels
from server.errors.tree import EngineLost, ParleyError
from server.models.catalogue import Catalogue
from server.settings import Settings
from server.turns.keeper import Keeper
from storage.db.database import Database
from tests.backends.scripted import ScriptedBackend

ANY_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
THINKS_AND_CALLS: tuple[ChoicePart, ...] = (
    ReasoningText("Where "),
    ReasoningText("is that?"),
    ContentText("I look."),
    ToolCallStarted(0, "call_1", "get_weather"),
    ToolCallArguments(0, '{"city": '),
    ToolCallArguments(0, '"Paris"}'),
    End("tool_calls"),
)


class Stage:
    """The app over a scripted backend, and a client of it."""

    def __init__(self, database: Database) -> None:
        self.backend = ScriptedBackend(ContentText("Hel"), ContentText("lo"), End("stop"))
        settings = Settings.model_validate({"model": "/m.gguf", "make_titles": False})
        catalogue = Catalogue.from_settings(settings)
        models = ServedModels(catalogue, {spec.id: self.backend for spec in catalogue.models})
        app = assemble(Services(settings, models, [], database, Keeper(database)))
        self.client: FlaskClient = app.test_client()

    def says(self, *script: ChoicePart | ParleyError) -> None:
        self.backend.script = script

    def post(self, path: str, **body: Any) -> Any:
        response = self.client.post(path, json=body)
        assert response.status_code == 200, response.text
        return response.json

    def events(self, path: str, **body: Any) -> list[dict[str, Any]]:
        return events_in(self.client.post(path, json={**body, "stream": True}))


def events_in(response: TestResponse) -> list[dict[str, Any]]:
    """The data of a stream's events, read to its end."""
    text = response.text
    response.close()
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database)


CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
TOOLS = {"tools": [{"type": "function", "function": WEATHER}]}


def test_a_chat_completion_is_answered_as_a_whole(stage: Stage) -> None:
    completion = ChatCompletion.model_validate(stage.post(CHAT, **HELLO, n=2), strict=True)
    assert [choice.message.content for choice in completion.choices] == ["Hello", "Hello"]
    assert [choice.finish_reason for choice in completion.choices] == ["stop", "stop"]
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (1, 2)
    assert stage.backend.answers[0].is_closed


def test_a_chat_completion_is_streamed(stage: Stage) -> None:
    chunks = [ChatCompletionChunk.model_validate(event, strict=True) for event in stage.events(CHAT, **HELLO)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert stage.backend.answers[0].is_closed


def test_a_chat_completion_has_thoughts_and_calls(stage: Stage) -> None:
    stage.says(*THINKS_AND_CALLS)
    (choice,) = stage.post(CHAT, **HELLO, **TOOLS)["choices"]
    assert choice["message"]["reasoning_content"] == "Where is that?"
    assert choice["message"]["content"] == "I look."
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    assert choice["finish_reason"] == "tool_calls"
    deltas = [event["choices"][0]["delta"] for event in stage.events(CHAT, **HELLO, **TOOLS)]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Where is that?"
    calls = [call["function"] for delta in deltas for call in delta.get("tool_calls", [])]
    assert "".join(call["arguments"] for call in calls) == '{"city": "Paris"}'
    assert [tool.name for tool in stage.backend.requests[0].functions] == ["get_weather"]


def test_a_failure_ends_a_stream_with_its_error_and_a_whole_answer_with_its_status(stage: Stage) -> None:
    stage.says(ContentText("Hel"), EngineLost("m"))
    assert stage.events(CHAT, **HELLO)[-1]["error"]["code"] == "engine_lost"
    assert stage.client.post(CHAT, json=HELLO).status_code == 503


def test_a_response_is_stored_and_gone_on_from(stage: Stage) -> None:
    first = Response.model_validate(stage.post(RESPONSES, input="Hello"), strict=True)
    assert (first.status, first.output_text, first.temperature) == ("completed", "Hello", 0.5)
    assert stage.client.get(f"{RESPONSES}/{first.id}").json == first.to_dict()
    stage.post(RESPONSES, input="And?", previous_response_id=first.id)
    said = [(message.role, message.text) for message in stage.backend.requests[-1].messages]
    assert said == [("user", "Hello"), ("assistant", "Hello"), ("user", "And?")]


def test_a_stored_response_is_streamed_with_thoughts_and_calls(stage: Stage) -> None:
    stage.says(*THINKS_AND_CALLS)
    tools = [{"type": "function", **WEATHER}]
    events = stage.events(RESPONSES, input="Hello", tools=tools)
    for event in events:
        ANY_EVENT.validate_python(event, strict=True)
    response = events[-1]["response"]
    assert [item["type"] for item in response["output"]] == ["reasoning", "message", "function_call"]
    assert response["output"][-1]["arguments"] == '{"city": "Paris"}'
    assert stage.client.get(f"{RESPONSES}/{response['id']}").json == response


def test_a_response_whose_backend_fails_keeps_what_there_was(stage: Stage) -> None:
    stage.says(ContentText("Hel"), EngineLost("m"))
    events = stage.events(RESPONSES, input="Hello")
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    stored = stage.client.get(f"{RESPONSES}/{events[-1]['response']['id']}").json
    assert stored is not None
    assert (stored["status"], stored["output"][0]["content"][0]["text"]) == ("failed", "Hel")


def test_a_response_that_is_not_stored_leaves_nothing_behind(stage: Stage) -> None:
    stage.says(*THINKS_AND_CALLS)
    response = stage.post(RESPONSES, input="Hello", store=False)
    assert [item["type"] for item in response["output"]] == ["reasoning", "message", "function_call"]
    assert stage.client.get(f"{RESPONSES}/{response['id']}").status_code == 404


def test_its_prompt_can_be_counted(stage: Stage) -> None:
    assert stage.post(f"{RESPONSES}/input_tokens", input="Hello")["input_tokens"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "Hello"}),
        ("/v1/embeddings", {"input": "Hello"}),
        ("/tokenize", {"content": "Hello"}),
        ("/detokenize", {"tokens": [1]}),
        ("/apply-template", HELLO),
    ],
)
def test_what_it_lacks_is_refused_by_name(stage: Stage, path: str, body: dict[str, Any]) -> None:
    response = stage.client.post(path, json=body)
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["param"] == "model"
    assert response.json["error"]["message"] == "The model 'm' says what a test tells it, and nothing else."


def test_models_list_it_with_what_is_known(stage: Stage) -> None:
    (model,) = (stage.client.get("/v1/models").json or {})["data"]
    assert (model["id"], model["meta"]["n_ctx"]) == ("m", 1000)
    assert model["capabilities"] == {"generates": True, "embeds": False, "tools": True, "reasoning": None}
    assert model["device"] is None
