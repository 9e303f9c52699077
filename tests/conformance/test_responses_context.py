"""How much of a conversation a response sees, and what takes the place of the rest; with the official client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types.conversations import Message
from openai.types.responses.compacted_response import CompactedResponse

from server.models.source import demo_model_path
from tests.live_server import LiveServer

MODEL = "plain"
PIRATE = "You are a pirate and answer like one."
GREEDY: dict[str, Any] = {"temperature": 0, "max_output_tokens": 8, "store": False}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    """A server whose operator has opinions about one of its models, which are two of the same."""
    config = tmp_path_factory.mktemp("opinionated") / "parley.toml"
    source = f'source = "{demo_model_path()}"'
    config.write_text(
        f'[[models]]\n{source}\nid = "pirate"\nsystem_prompt = "{PIRATE}"\ntruncation = "auto"\nmax_context_turns = 2\n'
        f'[[models]]\n{source}\nid = "plain"\n'
    )
    with (
        LiveServer(config=config, slots=2, n_ctx=512) as server,
        OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client,
    ):
        yield client


def talk(num_turns: int, words: int = 3) -> list[Any]:
    """Turns of about `words` words each, the last one not answered."""
    items: list[Any] = []
    for number in range(num_turns):
        items.append({"role": "user", "content": f"{number}: " + "word " * words})
        items.append({"role": "assistant", "content": "Yes."})
    return items[:-1]


def count(client: OpenAI, items: Any, **options: Any) -> int:
    return client.responses.input_tokens.count(model=MODEL, input=items, **options).input_tokens


def ask(client: OpenAI, items: Any, **options: Any) -> Any:
    return client.responses.create(**{"model": MODEL, "input": items, **GREEDY, **options})


def dropped(response: Any) -> tuple[int, int]:
    said = (response.model_extra or {}).get("dropped", {"turns": 0, "items": 0})
    return said["turns"], said["items"]


# --- what a request says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("max_turns", "gone"), [(1, (3, 6)), (3, (1, 2)), (4, (0, 0)), (9, (0, 0))])
def test_only_the_newest_turns_are_seen(client: OpenAI, max_turns: int, gone: tuple[int, int]) -> None:
    items = talk(4)
    response = ask(client, items, extra_body={"context": {"max_turns": max_turns}})
    assert dropped(response) == gone
    assert response.usage.input_tokens == count(client, items[gone[1] :])


def test_a_stored_conversation_is_seen_as_far_and_kept_whole(client: OpenAI) -> None:
    conversation = client.conversations.create(items=talk(3))
    options: dict[str, Any] = {
        "store": True,
        "conversation": conversation.id,
        "extra_body": {"context": {"max_turns": 1}},
    }
    response = ask(client, "So?", **options)
    # The last message was the user's own, so the new one belongs to the same turn.
    assert dropped(response) == (2, 4)
    assert len(list(client.conversations.items.list(conversation.id))) == 7


def test_a_prompt_of_the_wanted_length_is_left_alone_and_one_token_more_is_not(client: OpenAI) -> None:
    items = talk(6, words=10)
    num_tokens = count(client, items)
    assert dropped(ask(client, items, extra_body={"context": {"max_tokens": num_tokens}})) == (0, 0)
    response = ask(client, items, extra_body={"context": {"max_tokens": num_tokens - 1}})
    assert dropped(response)[0] >= 1
    assert response.usage.input_tokens < num_tokens


def test_the_last_turn_stays_however_short_the_prompt_shall_be(client: OpenAI) -> None:
    items = talk(3, words=20)
    response = ask(client, items, extra_body={"context": {"max_tokens": 1}})
    assert dropped(response) == (2, 4)
    assert response.usage.input_tokens == count(client, items[-1:])


def test_instructions_are_never_dropped(client: OpenAI) -> None:
    items = talk(3)
    items.insert(2, {"role": "developer", "content": "Answer in one word."})
    shown = [{"role": "developer", "content": "Answer in one word."}, items[-1]]
    response = ask(client, items, extra_body={"context": {"max_turns": 1}})
    assert response.usage.input_tokens == count(client, shown)


def test_a_bound_beyond_the_context_still_makes_it_fit(client: OpenAI) -> None:
    items = talk(9, words=60)
    response = ask(client, items, extra_body={"context": {"max_tokens": 100_000}})
    assert dropped(response)[0] > 1
    assert response.status != "failed"
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, items)
    assert caught.value.code == "context_length_exceeded"


# --- what the operator says -----------------------------------------------------------------------------------------


def count_of(client: OpenAI, model: str, **options: Any) -> int:
    return client.responses.input_tokens.count(model=model, **options).input_tokens


def test_the_operators_instructions_are_there_unless_the_request_has_its_own(client: OpenAI) -> None:
    plain = count_of(client, "plain", input="hi", instructions=PIRATE)
    assert count_of(client, "pirate", input="hi") == plain
    for own in ({"instructions": "Be kind."}, {"input": [{"role": "system", "content": "Be kind."}, *talk(1)]}):
        options = {"input": "hi", **own}
        assert count_of(client, "pirate", **options) == count_of(client, "plain", **options)


def test_empty_instructions_are_none(client: OpenAI) -> None:
    assert count_of(client, "pirate", input="hi", instructions="") == count_of(client, "plain", input="hi")


def test_chat_completions_have_the_operators_instructions_too(client: OpenAI) -> None:
    def num_tokens(model: str, *messages: Any) -> int:
        completion = client.chat.completions.create(model=model, messages=list(messages), max_tokens=1)
        assert completion.usage is not None
        return completion.usage.prompt_tokens

    question = {"role": "user", "content": "hi"}
    pirate, kind = ({"role": "system", "content": text} for text in (PIRATE, "Be kind."))
    assert num_tokens("pirate", question) == num_tokens("plain", pirate, question)
    assert num_tokens("pirate", kind, question) == num_tokens("plain", kind, question)


def test_the_operator_says_what_happens_when_it_is_too_long(client: OpenAI) -> None:
    items = talk(9, words=60)
    response = ask(client, items, model="pirate")
    assert (response.truncation, dropped(response)[0]) == ("auto", 7)
    wider = ask(client, items, model="pirate", extra_body={"context": {"max_turns": 100}})
    assert 0 < dropped(wider)[0] < 7
    for options in ({"model": "plain"}, {"model": "pirate", "truncation": "disabled", "context": {"max_turns": 100}}):
        context = {"context": options.pop("context")} if "context" in options else {}
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, items, **options, extra_body=context)
        assert caught.value.code == "context_length_exceeded"


# --- compaction -----------------------------------------------------------------------------------------------------


def compact(client: OpenAI, **options: Any) -> Any:
    made = client.responses.compact(model=MODEL, **options)
    whole = made.model_dump(by_alias=True, warnings=False)
    *messages, item = whole["output"]
    CompactedResponse.model_validate({**whole, "output": [item]}, strict=True)
    for message in messages:  # which the type has no place for, though its documentation promises them
        Message.model_validate(message, strict=True)
    return made


def as_input(made: Any) -> list[Any]:
    return [item.model_dump(exclude_none=True, warnings=False) for item in made.output]


STORY: list[Any] = [
    {"role": "developer", "content": "You help with travel."},
    {"role": "user", "content": "My name is Ada and I want to go to Paris in May."},
    {"role": "assistant", "content": "Paris in May is lovely. How long will you stay?"},
    {"role": "user", "content": "Five days."},
    {"role": "assistant", "content": "Then see the Louvre and Versailles."},
]


def test_a_compacted_conversation_takes_the_place_of_the_whole(client: OpenAI) -> None:
    made = compact(client, input=STORY)
    *messages, item = made.output
    assert [message.content[0].text for message in messages] == [STORY[1]["content"], STORY[3]["content"]]
    assert {(message.type, message.role, message.status) for message in messages} == {("message", "user", "completed")}
    assert (item.type, item.id[:4]) == ("compaction", "cmp_")
    assert made.usage.output_tokens > 0
    response = ask(client, [*as_input(made), {"role": "user", "content": "What should I see?"}])
    assert response.output_text


def test_what_is_kept_word_for_word_is_seen(client: OpenAI) -> None:
    made = compact(client, input=STORY)
    with_compaction = [*as_input(made), {"role": "user", "content": "And then?"}]
    kept = [STORY[0], *STORY[3:], {"role": "user", "content": "And then?"}]
    num_summary = count(client, with_compaction) - count(client, kept)
    assert 0 < num_summary <= made.usage.output_tokens + 12


def test_a_response_is_compacted_by_its_id_and_again(client: OpenAI) -> None:
    first = ask(client, STORY, store=True)
    made = compact(client, previous_response_id=first.id, instructions="Mind the names.")
    second = ask(client, [*as_input(made), {"role": "user", "content": "Go on."}], store=True)
    assert [item.type for item in client.responses.input_items.list(second.id, order="asc")] == [
        *("message", "message", "compaction", "message"),
    ]
    again = compact(client, previous_response_id=second.id)
    assert ask(client, [*as_input(again), {"role": "user", "content": "So?"}]).output_text


def test_a_conversation_goes_on_from_its_compaction(client: OpenAI) -> None:
    conversation = client.conversations.create(items=talk(8, words=20))
    items = [
        item.model_dump(exclude_none=True) for item in client.conversations.items.list(conversation.id, order="asc")
    ]
    made = compact(client, input=items)
    options: dict[str, Any] = {"store": True, "conversation": conversation.id}
    response = ask(client, [*as_input(made), {"role": "user", "content": "So?"}], **options)
    assert response.usage.input_tokens < count(client, items)
    num_added = len(made.output) + 2
    assert len(list(client.conversations.items.list(conversation.id))) == len(items) + num_added


def test_a_response_goes_on_from_a_stored_compaction(client: OpenAI) -> None:
    first = ask(client, STORY, store=True)
    made = compact(client, previous_response_id=first.id)
    question = [{"role": "user", "content": "And then?"}]
    asked: dict[str, Any] = {"model": MODEL, "input": question}
    from_it = client.responses.input_tokens.count(**asked, previous_response_id=made.id).input_tokens
    assert from_it == count(client, [*as_input(made), *question])
    response = ask(client, question, store=True, previous_response_id=made.id)
    assert (response.usage.input_tokens, response.previous_response_id) == (from_it, made.id)


def test_a_compaction_is_found_until_it_is_deleted(client: OpenAI) -> None:
    made = compact(client, input=STORY)
    url = f"{client.base_url}responses/{made.id}"
    with httpx2.Client(timeout=60) as http:
        kept = http.get(url).json()
        assert (kept["id"], kept["object"], kept["created_at"]) == (made.id, "response.compaction", made.created_at)
        assert [item["id"] for item in kept["output"]] == [item.id for item in made.output]
        assert http.get(f"{url}?stream=true").json()["error"]["param"] == "stream"
        assert http.post(f"{url}/cancel", json={}).status_code == 400
        assert http.get(f"{url}/input_items").json()["data"] == []
        client.responses.delete(made.id)
        assert http.get(url).status_code == 404


def test_a_compaction_that_is_not_stored_leaves_nothing(client: OpenAI) -> None:
    made = compact(client, input=STORY, extra_body={"store": False})
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_more_than_the_context_holds_can_be_compacted(client: OpenAI) -> None:
    items: list[Any] = [{"role": "user", "content": "word " * 600}, {"role": "assistant", "content": "Yes."}, *talk(1)]
    assert count(client, items) > 512
    made = compact(client, input=items)
    assert made.usage.input_tokens > 512
    assert ask(client, [*as_input(made), {"role": "user", "content": "So?"}]).output_text


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "compaction", "encrypted_content": "foreign"}]}, "input[0].encrypted_content"),
        ({"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]}, "input"),
        ({"previous_response_id": "resp_unknown"}, "previous_response_id"),
    ],
)
def test_what_cannot_be_compacted_is_named(client: OpenAI, options: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        compact(client, **options)
    assert caught.value.param == param


def test_what_another_server_compacted_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, [{"type": "compaction", "encrypted_content": "gAAAAAB"}, {"role": "user", "content": "hi"}])
    assert caught.value.param == "input[0].encrypted_content"
