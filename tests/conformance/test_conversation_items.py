"""`client.conversations.items` of the official client, every body held against its own types."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.conversations import Conversation, ConversationItem, ConversationItemList, Message
from pydantic import TypeAdapter

from tests.conformance.conversing import HELLO, add, checked, ids, said, send, texts
from tests.live_server import LiveServer

CALL: Any = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"b": 1,  "a": 2}'}
OUTPUT: Any = {"type": "function_call_output", "call_id": "call_1", "output": " 5\n"}
REASONING: Any = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
ITEM: TypeAdapter[Any] = TypeAdapter(ConversationItem)


def test_items_are_added_read_and_deleted(ada: OpenAI) -> None:
    made = ada.conversations.create(items=[{"role": "developer", "content": "Be brief."}])
    added = ada.conversations.items.create(made.id, items=[HELLO, REASONING, CALL, OUTPUT])
    assert isinstance(checked(added), ConversationItemList)
    assert [item.type for item in added.data] == ["message", "reasoning", "function_call", "function_call_output"]
    assert [item.id.split("_")[0] for item in added.data if item.id] == ["msg", "rs", "fc", "fco"]
    assert (added.first_id, added.last_id, added.has_more) == (added.data[0].id, added.data[-1].id, False)
    listed = list(ada.conversations.items.list(made.id, order="asc"))
    assert listed[1:] == added.data
    for item in listed:
        ITEM.validate_python(item.model_dump(), strict=True)
        assert ada.conversations.items.retrieve(item.id or "", conversation_id=made.id) == item
    left = ada.conversations.items.delete(added.data[1].id or "", conversation_id=made.id)
    assert isinstance(checked(left), Conversation)
    assert left.id == made.id
    assert list(ada.conversations.items.list(made.id, order="asc")) == [listed[0], listed[1], listed[3], listed[4]]
    with pytest.raises(openai.NotFoundError, match="Item with id 'rs_1' not found"):
        ada.conversations.items.retrieve("rs_1", conversation_id=made.id)


def test_text_comes_back_as_a_part(ada: OpenAI) -> None:
    answer: Any = {"role": "assistant", "content": " Hello.\n"}
    made = ada.conversations.create(items=[{"role": "user", "content": "\t hi "}, answer])
    asked, answered = ada.conversations.items.list(made.id, order="asc")
    assert isinstance(asked, Message)
    assert isinstance(answered, Message)
    assert (asked.role, asked.status, asked.content[0].model_dump(exclude_none=True)) == (
        "user",
        "completed",
        {"type": "input_text", "text": "\t hi "},
    )
    assert answered.content[0].model_dump(exclude_none=True) == {
        "type": "output_text",
        "text": " Hello.\n",
        "annotations": [],
        "logprobs": [],
    }


def test_an_empty_conversation_has_an_empty_list(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create()
    assert list(ada.conversations.items.list(made.id)) == []
    _, answer = send(keeper, "GET", f"/{made.id}/items")
    assert answer == {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}
    ConversationItemList.model_validate(answer, strict=True)


@pytest.mark.parametrize("limit", [1, 7, 15, 16, 100])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_follow_each_other(ada: OpenAI, limit: int, order: Any) -> None:
    numbers = [str(number) for number in range(15)]
    made = ada.conversations.create(items=[said(number) for number in numbers])
    page = ada.conversations.items.list(made.id, limit=limit, order=order)
    assert len(page.data) == min(limit, 15)
    assert page.has_more is (limit < 15)
    expected = numbers if order == "asc" else numbers[::-1]
    assert texts(page) == expected


def test_the_newest_items_come_first_by_default_twenty_a_page(ada: OpenAI) -> None:
    made = ada.conversations.create(items=[said(str(n)) for n in range(20)])
    add(ada, made.id, "20")
    page = ada.conversations.items.list(made.id)
    assert texts(page.data) == [str(n) for n in range(20, 0, -1)]
    assert page.last_id == page.data[-1].id


def test_paging_goes_on_while_others_write(ada: OpenAI) -> None:
    made = ada.conversations.create(items=[said(str(n)) for n in range(10)])
    page = ada.conversations.items.list(made.id, limit=4)
    add(ada, made.id, "later")
    ada.conversations.items.delete(page.data[0].id or "", conversation_id=made.id)
    assert texts(page) == [str(n) for n in range(9, -1, -1)]


def test_a_page_after_nothing_is_not_found(ada: OpenAI) -> None:
    made, other = ada.conversations.create(items=[HELLO]), ada.conversations.create()
    (deleted,) = add(ada, made.id, "x")
    ada.conversations.items.delete(deleted, conversation_id=made.id)
    for after in ("msg_nothing", deleted, *add(ada, other.id, "x")):
        with pytest.raises(openai.NotFoundError):
            ada.conversations.items.list(made.id, after=after)


def test_what_openai_can_include_is_accepted(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create()
    include: Any = ["message.output_text.logprobs", "reasoning.encrypted_content"]
    added = ada.conversations.items.create(made.id, items=[HELLO], include=include)
    assert texts(ada.conversations.items.list(made.id, include=include)) == ["hi"]
    assert ada.conversations.items.retrieve(added.first_id, conversation_id=made.id, include=include) == added.data[0]
    for method, path, body in (
        ("GET", f"/{made.id}/items", None),
        ("POST", f"/{made.id}/items", {"items": [HELLO]}),
        ("GET", f"/{made.id}/items/{added.first_id}", None),
    ):
        status, answer = send(keeper, method, f"{path}?include[]=everything", body)
        assert (status, answer["error"]["param"]) == (400, "include[0]")
    assert len(ada.conversations.items.list(made.id).data) == 1


def test_unknown_items_come_back_to_the_byte(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create()
    sent = (
        '{"z":{"b":1,"a":[1.5,"\\t x \\n",null,{}]},"type":"from_the_future","A":"",'
        '"n":123456789012345678901234567890,"id":"new-1","status":"dreaming",'
        '"text":"é \u2028 😀"}'
    )
    status, answer = send(keeper, "POST", f"/{made.id}/items", f'{{"items":[{sent}]}}'.encode())
    assert status == 200
    for path in ("", "/new-1"):
        _, answer = send(keeper, "GET", f"/{made.id}/items{path}")
        item = answer if path else answer["data"][0]
        assert json.dumps(item, separators=(",", ":")) == json.dumps(json.loads(sent), separators=(",", ":"))


def test_an_unknown_item_without_an_id_gets_one(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create()
    _, answer = send(keeper, "POST", f"/{made.id}/items", {"items": [{"type": "new", "a": 1}]})
    (item,) = answer["data"]
    assert item["id"].startswith("item_")
    assert {key: item[key] for key in item if key != "id"} == {"type": "new", "a": 1}


def test_items_keep_fields_key_order_and_white_space(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create()
    sent = {"z": " ", "content": [{"text": "\n a \t", "x": {"b": 1, "a": 2}, "type": "input_text"}], "role": "user"}
    _, answer = send(keeper, "POST", f"/{made.id}/items", {"items": [sent]})
    (item,) = answer["data"]
    kept = {key: item[key] for key in item if key not in ("id", "type", "status")}
    assert json.dumps(kept) == json.dumps(sent)
    assert send(keeper, "GET", f"/{made.id}/items/{item['id']}")[1] == item


def test_an_item_is_added_once(keeper: LiveServer, ada: OpenAI) -> None:
    item: Any = {**HELLO, "id": "msg_twice", "type": "message"}
    made = ada.conversations.create(items=[item])
    other_words: Any = {**item, "content": "Something else."}
    for items in ([HELLO, item], [other_words], [{**item, "id": "msg_new"}] * 2):
        status, answer = send(keeper, "POST", f"/{made.id}/items", {"items": items})
        assert (status, answer["error"]["param"], answer["error"]["code"]) == (400, "items", "duplicate_item")
    assert ids(ada.conversations.items.list(made.id)) == ["msg_twice"]
    # Elsewhere it is another item, with an id of its own if it says something else.
    elsewhere = ada.conversations.create(items=[other_words])
    assert ids(ada.conversations.items.list(elsewhere.id)) not in ([], ["msg_twice"])
    other = ada.conversations.create(items=[item])
    ada.conversations.items.delete("msg_twice", conversation_id=other.id)
    assert ids(ada.conversations.items.list(made.id)) == ["msg_twice"]


def test_items_that_are_added_together_stay_together(ada: OpenAI) -> None:
    made = ada.conversations.create()

    def add_three(name: str) -> None:
        ada.conversations.items.create(made.id, items=[said(f"{name} {part}") for part in range(3)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_three, (str(number) for number in range(16))))
    kept = texts(ada.conversations.items.list(made.id, order="asc", limit=100))
    groups = [kept[start : start + 3] for start in range(0, len(kept), 3)]
    assert all(group == [f"{group[0].split()[0]} {part}" for part in range(3)] for group in groups)
    assert sorted(int(group[0].split()[0]) for group in groups) == list(range(16))


# --- references -----------------------------------------------------------------------------------------------------


def test_a_reference_adds_the_item_that_it_names(keeper: LiveServer, ada: OpenAI) -> None:
    source = ada.conversations.create(items=[said("before")])
    item = ada.conversations.items.list(source.id).data[0]
    reference: Any = {"type": "item_reference", "id": item.id}
    made = ada.conversations.create(items=[reference, HELLO])
    assert texts(ada.conversations.items.list(made.id, order="asc")) == ["before", "hi"]
    other = ada.conversations.create()
    added = ada.conversations.items.create(other.id, items=[{"id": item.id}])  # type: ignore[typeddict-item]
    assert texts(added.data) == ["before"]
    checked(added)
    ada.conversations.delete(source.id)
    assert texts(ada.conversations.items.list(made.id, order="asc")) == ["before", "hi"]


def test_a_reference_to_anothers_item_is_not_found(keeper: LiveServer, ada: OpenAI, eve: OpenAI) -> None:
    source = ada.conversations.create(items=[HELLO])
    reference = {"type": "item_reference", "id": ada.conversations.items.list(source.id).data[0].id}
    made = eve.conversations.create()
    for body in ({"items": [reference]}, {"items": [HELLO, {"type": "item_reference", "id": "msg_nothing"}]}):
        assert send(keeper, "POST", f"/{made.id}/items", body, user="eve")[0] == 404
        assert send(keeper, "POST", "", body, user="eve")[0] == 404
    assert eve.conversations.items.list(made.id).data == []
