"""Instructions and defaults of a conversation, and whether it is pinned or archived; none of it is in OpenAI's API."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI

from tests.conformance.conversing import add, client_of, said, send
from tests.live_server import LiveServer

SETTINGS: dict[str, Any] = {
    "instructions": "Say «kept»",
    "defaults": {"temperature": 0.25, "max_output_tokens": 9, "reasoning": {"effort": "low"}, "seed": 5},
    "pinned": True,
    "archived": False,
}
NONE: dict[str, Any] = {"instructions": None, "defaults": {}, "pinned": False, "archived": False}


def settings_of(conversation: dict[str, Any]) -> dict[str, Any]:
    return {name: conversation[name] for name in NONE}


def test_settings_are_set_changed_and_taken_away(keeper: LiveServer, ada: OpenAI) -> None:
    assert settings_of(ada.conversations.create().model_dump()) == NONE
    status, made = send(keeper, "POST", "", SETTINGS)
    assert (status, settings_of(made)) == (200, SETTINGS)
    _, changed = send(keeper, "POST", f"/{made['id']}", {"archived": True, "defaults": {"top_p": 0.5}})
    assert settings_of(changed) == {**SETTINGS, "archived": True, "defaults": {"top_p": 0.5}}
    _, changed = send(keeper, "POST", f"/{made['id']}", dict.fromkeys(NONE) | {"pinned": False})
    assert settings_of(changed) == {**NONE, "archived": True}
    assert send(keeper, "GET", f"/{made['id']}") == (200, changed)


def test_a_fork_has_the_settings_of_its_answers(keeper: LiveServer) -> None:
    _, made = send(keeper, "POST", "", SETTINGS)
    _, forked = send(keeper, "POST", f"/{made['id']}/fork")
    assert settings_of(forked) == {**SETTINGS, "pinned": False}


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"defaults": {"temperature": 5}}, "defaults.temperature", "invalid_value"),
        ({"defaults": {"reasoning": {"effort": "x"}}}, "defaults.reasoning.effort", "invalid_value"),
        ({"defaults": {"input": "x"}}, "defaults.input", "unknown_parameter"),
        ({"defaults": "x"}, "defaults", "invalid_type"),
        ({"instructions": 5}, "instructions", "invalid_type"),
        ({"pinned": "yes"}, "pinned", "invalid_type"),
        ({"archived": 0}, "archived", "invalid_type"),
    ],
)
def test_a_bad_setting_is_named(keeper: LiveServer, body: dict[str, Any], param: str, code: str) -> None:
    _, made = send(keeper, "POST", "")
    for path in ("", f"/{made['id']}"):
        status, answer = send(keeper, "POST", path, body)
        assert (status, answer["error"]["param"], answer["error"]["code"]) == (400, param, code)


def test_the_list_is_of_those_that_are_pinned_or_archived_or_not(keeper: LiveServer) -> None:
    with client_of(keeper, "archivist") as client:
        plain = client.conversations.create().id
        _, pinned = send(keeper, "POST", "", {"pinned": True}, user="archivist")
        _, archived = send(keeper, "POST", "", {"archived": True}, user="archivist")
        add(client, archived["id"], "newest")
    for query, expected in (
        ("", [archived["id"], pinned["id"], plain]),
        ("pinned=true", [pinned["id"]]),
        ("archived=false", [pinned["id"], plain]),
        ("roots=true&archived=true", [archived["id"]]),
        ("pinned=true&archived=true", []),
    ):
        _, answer = send(keeper, "GET", f"?{query}", user="archivist")
        assert [one["id"] for one in answer["data"]] == expected


# --- answers in such a conversation ---------------------------------------------------------------------------------


def made_with(client: OpenAI, **settings: Any) -> str:
    made: dict[str, Any] = client.post("/conversations", body=settings, cast_to=dict[str, Any])
    return str(made["id"])


@pytest.mark.parametrize("more", [{}, {"store": False}, {"temperature": None, "instructions": None}])
def test_an_answer_has_the_conversations_settings_and_says_so(saying: OpenAI, more: dict[str, Any]) -> None:
    defaults = {"model": "chatml", **SETTINGS["defaults"]}
    conversation = made_with(saying, instructions=SETTINGS["instructions"], defaults=defaults)
    response = saying.responses.create(conversation=conversation, input="Speak.", **more)
    assert response.output_text == "kept"
    assert (response.model, response.temperature, response.max_output_tokens) == ("chatml", 0.25, 9)
    assert response.instructions == SETTINGS["instructions"]
    assert response.reasoning is not None
    assert response.reasoning.effort == "low"
    if more.get("store", True):
        assert saying.responses.retrieve(response.id).temperature == 0.25


def test_what_a_request_says_itself_counts(saying: OpenAI) -> None:
    conversation = made_with(saying, instructions="Be brief.", defaults={"model": "nothing", "temperature": 0.25})
    response = saying.responses.create(
        conversation=conversation, model="chatml", input="Say «given»", temperature=0, instructions="Speak."
    )
    assert response.output_text == "given"
    assert (response.model, response.temperature, response.instructions) == ("chatml", 0, "Speak.")


def test_instructions_do_not_become_items_and_count_among_the_input_tokens(saying: OpenAI) -> None:
    brief, told = (
        made_with(saying, items=[said("Say «a»")], instructions="x" * length, defaults={"model": "chatml"})
        for length in (1, 51)
    )
    counts = [saying.responses.input_tokens.count(conversation=one, input="b").input_tokens for one in (brief, told)]
    assert counts[1] - counts[0] == 50
    saying.responses.create(conversation=told, input="Say «b»")
    assert len(saying.conversations.items.list(told).data) == 3


def test_a_changed_setting_is_that_of_the_next_answer(saying: OpenAI) -> None:
    conversation = made_with(saying, instructions="Say «one»", defaults={"model": "chatml"})
    assert saying.responses.create(conversation=conversation, input="Speak.").output_text == "one"
    saying.post(f"/conversations/{conversation}", body={"instructions": "Say «two»"}, cast_to=dict[str, Any])
    again = saying.responses.create(conversation=conversation, input="Speak.")
    assert again.instructions == "Say «two»"
