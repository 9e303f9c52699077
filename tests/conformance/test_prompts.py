"""Saved prompts over HTTP, which are not in OpenAI's API, and `prompt` of a response, which is."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.conversing import USER, said
from tests.live_server import LiveServer

NOTHING: dict[str, Any] = {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}


def send(
    keeper: LiveServer, method: str, path: str = "", body: object = None, user: str = "ada"
) -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps(body).encode()
    status, answer, _ = keeper.request(method, f"/v1/prompts{path}", data, {USER: user})
    return status, answer


def test_a_prompt_is_saved_changed_listed_and_deleted(keeper: LiveServer) -> None:
    status, made = send(keeper, "POST", body={"name": "greet", "text": "Hello {{name}}"})
    assert status == 200
    assert made == {
        "id": made["id"],
        "object": "prompt",
        "name": "greet",
        "text": "Hello {{name}}",
        "variables": ["name"],
        "version": "1",
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    path = f"/{made['id']}"
    assert send(keeper, "GET", path) == (200, made)
    _, changed = send(keeper, "POST", path, {"text": "Hi"})
    assert changed == {**made, "text": "Hi", "variables": [], "version": "2", "updated_at": changed["updated_at"]}
    assert send(keeper, "GET", f"{path}?version=1")[1]["text"] == "Hello {{name}}"
    assert send(keeper, "GET", f"{path}?version=3")[0] == 404
    _, listed = send(keeper, "GET")
    assert listed == {**NOTHING, "data": [changed], "first_id": made["id"], "last_id": made["id"]}
    _, versions = send(keeper, "GET", f"{path}/versions?limit=1")
    [newest] = versions["data"]
    assert newest == {
        "id": "2",
        "object": "prompt.version",
        "prompt_id": made["id"],
        "version": "2",
        "text": "Hi",
        "variables": [],
        "created_at": newest["created_at"],
    }
    assert (versions["has_more"], versions["last_id"]) == (True, "2")
    assert [one["id"] for one in send(keeper, "GET", f"{path}/versions?after=2")[1]["data"]] == ["1"]
    assert send(keeper, "DELETE", path) == (200, {"id": made["id"], "object": "prompt.deleted", "deleted": True})
    for method in ("GET", "DELETE"):
        assert send(keeper, method, path)[0] == 404
    assert send(keeper, "GET") == (200, NOTHING)


@pytest.mark.parametrize(
    ("method", "path", "body", "param", "code"),
    [
        ("POST", "", {"name": "taken", "text": "x"}, "name", "duplicate_name"),
        ("POST", "", {"text": "x"}, "name", "missing_required_parameter"),
        ("POST", "", {"name": "new", "text": 5}, "text", "invalid_type"),
        ("POST", "/pmpt_1", {}, "text", "missing_required_parameter"),
        ("GET", "/conv_1", None, "prompt_id", "invalid_value"),
        ("GET", "/pmpt_1?version=x", None, "version", "invalid_type"),
        ("GET", "/pmpt_1/versions?after=x", None, "after", "invalid_type"),
        ("GET", "?after=conv_1", None, "after", "invalid_value"),
    ],
)
def test_a_bad_request_is_named(keeper: LiveServer, method: str, path: str, body: Any, param: str, code: str) -> None:
    send(keeper, "POST", body={"name": "taken", "text": "x"}, user="namer")
    status, answer = send(keeper, method, path, body, user="namer")
    assert (status, answer["error"]["param"], answer["error"]["code"]) == (400, param, code)


def test_another_users_prompt_does_not_exist(keeper: LiveServer) -> None:
    _, made = send(keeper, "POST", body={"name": "mine", "text": "x"}, user="owner")
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"text": "y"}),
        ("DELETE", "", None),
        ("GET", "/versions", None),
    ):
        status, answer = send(keeper, method, f"/{made['id']}{path}", body, user="eve")
        assert (status, answer["error"]["message"]) == (404, f"Prompt with id '{made['id']}' not found.")
    assert send(keeper, "GET", f"?after={made['id']}", user="eve")[0] == 404


# --- in responses ---------------------------------------------------------------------------------------------------


@pytest.fixture
def prompt_id(saying: OpenAI) -> str:
    known: dict[str, Any] = saying.get("/prompts", cast_to=dict[str, Any])
    for one in known["data"]:
        saying.delete(f"/prompts/{one['id']}", cast_to=dict[str, Any])
    body = {"name": "say", "text": "Say «{{what}}»"}
    return str(saying.post("/prompts", body=body, cast_to=dict[str, Any])["id"])


def test_a_prompts_text_is_the_instructions_of_a_response(saying: OpenAI, prompt_id: str) -> None:
    saying.post(f"/prompts/{prompt_id}", body={"text": "Be brief: «{{what}}»"}, cast_to=dict[str, Any])
    for version, instructions in (("1", "Say «sky»"), (None, "Be brief: «sky»")):
        used: Any = {"id": prompt_id, "version": version, "variables": {"what": "sky"}}
        response = saying.responses.create(model="chatml", prompt=used, input="Speak.")
        assert (response.output_text, response.instructions) == ("sky", instructions)
        assert response.prompt is not None
        shown = {"id": prompt_id, "version": version or "2", "variables": {"what": "sky"}}
        assert response.prompt.model_dump() == shown
        kept = saying.responses.retrieve(response.id)
        assert (kept.prompt, kept.instructions) == (response.prompt, instructions)


def test_a_prompt_is_no_item_and_takes_the_place_of_a_conversations_instructions(
    saying: OpenAI, prompt_id: str
) -> None:
    body = {"instructions": "Say «other»", "defaults": {"model": "chatml", "temperature": 0.5}}
    made: dict[str, Any] = saying.post("/conversations", body=body, cast_to=dict[str, Any])
    used: Any = {"id": prompt_id, "variables": {"what": {"type": "input_text", "text": "this"}}}
    for is_stored in (True, False):
        response = saying.responses.create(conversation=made["id"], prompt=used, input="Speak.", store=is_stored)
        assert (response.output_text, response.temperature) == ("this", 0.5)
    assert len(saying.conversations.items.list(made["id"]).data) == 2
    plain = saying.responses.create(conversation=made["id"], input="Speak.")
    assert (plain.output_text, "prompt" in plain.model_dump(exclude_unset=True)) == ("other", False)


def test_a_prompt_counts_among_the_input_tokens(saying: OpenAI, prompt_id: str) -> None:
    counts = []
    for what in ("x", "x" * 11):
        used: Any = {"id": prompt_id, "variables": {"what": what}}
        body = {"model": "chatml", "prompt": used, "input": [said("hi")]}
        counts.append(saying.post("/responses/input_tokens", body=body, cast_to=dict[str, Any])["input_tokens"])
    assert counts[1] - counts[0] == 10


@pytest.mark.parametrize(
    ("variables", "param"),
    [({}, "prompt.variables.what"), ({"what": "a", "more": "b"}, "prompt.variables.more")],
)
def test_variables_and_values_belong_together(
    saying: OpenAI, prompt_id: str, variables: dict[str, str], param: str
) -> None:
    used: Any = {"id": prompt_id, "variables": variables}
    with pytest.raises(openai.BadRequestError) as caught:
        saying.responses.create(model="chatml", prompt=used, input="Speak.")
    assert caught.value.param == param


def test_a_prompt_or_version_that_is_not_there_is_a_404(saying: OpenAI, prompt_id: str) -> None:
    unknown: list[Any] = [{"id": "pmpt_1"}, {"id": prompt_id, "version": "2", "variables": {"what": "a"}}]
    for used in unknown:
        with pytest.raises(openai.NotFoundError):
            saying.responses.create(model="chatml", prompt=used, input="Speak.")


def test_a_prompt_does_not_go_together_with_instructions(saying: OpenAI, prompt_id: str) -> None:
    used: Any = {"id": prompt_id, "variables": {"what": "a"}}
    with pytest.raises(openai.BadRequestError) as caught:
        saying.responses.create(model="chatml", prompt=used, input="Speak.", instructions="Be brief.")
    assert caught.value.param == "instructions"


# --- in chat completions --------------------------------------------------------------------------------------------


def test_a_prompts_text_is_the_system_message_of_a_chat_completion(saying: OpenAI, prompt_id: str) -> None:
    used = {"prompt": {"id": prompt_id, "variables": {"what": "sky"}}}
    messages: Any = [said("Speak.")]
    answer = saying.chat.completions.create(model="chatml", messages=messages, extra_body=used)
    assert answer.choices[0].message.content == "sky"
    streamed = saying.chat.completions.create(model="chatml", messages=messages, extra_body=used, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices) == "sky"


@pytest.mark.parametrize("role", ["system", "developer"])
def test_it_does_not_go_together_with_a_system_message(saying: OpenAI, prompt_id: str, role: str) -> None:
    used = {"prompt": {"id": prompt_id, "variables": {"what": "sky"}}}
    messages: Any = [{"role": role, "content": "Be brief."}, said("Speak.")]
    with pytest.raises(openai.BadRequestError) as caught:
        saying.chat.completions.create(model="chatml", messages=messages, extra_body=used)
    assert caught.value.param == "prompt"


def test_bad_prompts_of_chat_completions_are_named(saying: OpenAI, prompt_id: str) -> None:
    messages: Any = [said("Speak.")]
    for used, param in (({"id": prompt_id}, "prompt.variables.what"), ("text", "prompt")):
        with pytest.raises(openai.BadRequestError) as caught:
            saying.chat.completions.create(model="chatml", messages=messages, extra_body={"prompt": used})
        assert caught.value.param == param
    with pytest.raises(openai.NotFoundError):
        saying.chat.completions.create(model="chatml", messages=messages, extra_body={"prompt": {"id": "pmpt_1"}})
