"""`client.conversations` of the official client, every body held against its own types; and what only we have."""

from __future__ import annotations

import asyncio
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import openai
import psycopg2
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.pagination import SyncCursorPage
from openai.types.conversations import Conversation, ConversationDeletedResource

from storage.db.database import DEFAULT_POOL_SIZE
from tests.conformance.conversing import HELLO, USER, add, checked, client_of, ids, said, send, texts
from tests.live_server import LiveServer
from tests.storage.postgres import Cluster

CALL: Any = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}


def test_a_conversation_is_made_read_changed_and_deleted(ada: OpenAI) -> None:
    made = ada.conversations.create(metadata={"topic": " demo "}, items=[HELLO])
    checked(made)
    assert made.id.startswith("conv_")
    assert made.metadata == {"topic": " demo "}
    assert checked(ada.conversations.retrieve(made.id)) == made
    changed = ada.conversations.update(made.id, metadata={"a": "1"})
    assert checked(changed).model_dump()["metadata"] == {"a": "1"}
    assert ada.conversations.retrieve(made.id).metadata == {"a": "1"}
    gone = ada.conversations.delete(made.id)
    assert checked(gone) == ConversationDeletedResource(id=made.id, deleted=True, object="conversation.deleted")
    for again in (ada.conversations.retrieve, ada.conversations.delete, ada.conversations.items.list):
        with pytest.raises(openai.NotFoundError) as caught:
            again(made.id)
        assert caught.value.body == {
            "message": f"Conversation with id '{made.id}' not found.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }


def test_a_deleted_conversations_items_go_unless_another_conversation_has_them(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create(items=[said("forked")])
    _, forked = send(keeper, "POST", f"/{made.id}/fork")
    added = ada.conversations.items.create(made.id, items=[said("taken along"), said("alone")])
    first, taken, alone = [*ids(ada.conversations.items.list(forked["id"])), *ids(added.data)]
    other = ada.conversations.create(items=[reference(taken)])
    ada.conversations.delete(made.id)
    assert texts(ada.conversations.items.list(forked["id"])) == ["forked"]
    assert texts(ada.conversations.items.list(other.id)) == ["taken along"]
    both = ada.conversations.create(items=[reference(first), reference(taken)])
    assert texts(ada.conversations.items.list(both.id, order="asc")) == ["forked", "taken along"]
    with pytest.raises(openai.NotFoundError, match=alone):
        ada.conversations.create(items=[reference(alone)])


def reference(item_id: str) -> Any:
    return {"type": "item_reference", "id": item_id}


def test_a_conversation_says_when_something_was_last_added(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create(items=[HELLO])
    assert made.model_dump()["updated_at"] == made.created_at
    add(ada, made.id, "more")
    _, active = send(keeper, "GET", f"/{made.id}")
    assert made.created_at <= active["updated_at"]
    _, renamed = send(keeper, "POST", f"/{made.id}", {"title": "Greetings"})
    assert renamed["updated_at"] == active["updated_at"]


def test_a_conversation_may_be_made_of_nothing(keeper: LiveServer, ada: OpenAI) -> None:
    assert checked(ada.conversations.create()).model_dump()["metadata"] == {}
    assert ada.conversations.create(items=None, metadata=None).metadata == {}
    assert send(keeper, "POST", "")[0] == 200  # no body at all


def test_every_call_works_async(keeper: LiveServer) -> None:
    async def talk() -> None:
        async with AsyncOpenAI(
            base_url=keeper.base_url, api_key="none", max_retries=0, default_headers={USER: "ada"}
        ) as client:
            made = await client.conversations.create(items=[HELLO] * 20)
            added = await client.conversations.items.create(made.id, items=[CALL])
            checked(added)
            listed = [item async for item in client.conversations.items.list(made.id, limit=8, order="asc")]
            assert len(listed) == 21
            assert listed[-1] == added.data[0]
            found = await client.conversations.items.retrieve(added.last_id, conversation_id=made.id)
            assert found == added.data[0]
            checked(await client.conversations.items.delete(added.last_id, conversation_id=made.id))
            checked(await client.conversations.update(made.id, metadata={"k": "v"}))
            checked(await client.conversations.retrieve(made.id))
            checked(await client.conversations.delete(made.id))

    asyncio.run(talk())


def test_metadata_is_replaced_and_null_is_refused_as_openai_does(ada: OpenAI) -> None:
    made = ada.conversations.create(metadata={"z": "1", "a": "2"})
    assert list(ada.conversations.retrieve(made.id).metadata) == ["z", "a"]  # type: ignore[call-overload]
    with pytest.raises(openai.BadRequestError) as caught:
        ada.conversations.update(made.id, metadata=None)
    assert (caught.value.code, caught.value.param) == ("invalid_type", "metadata")
    assert ada.conversations.retrieve(made.id).metadata == {"z": "1", "a": "2"}
    assert ada.conversations.update(made.id, metadata={}).metadata == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"items": [HELLO] * 21}, "items"),
        ({"items": "hi"}, "items"),
        ({"items": [HELLO, {"role": "robot", "content": "hi"}]}, "items[1].role"),
        ({"items": [{"type": "x", "id": "../x"}]}, "items[0].id"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {str(n): "v" for n in range(17)}}, "metadata"),
        ({"metadata": {"k": 5}}, "metadata.k"),
        ({"title": 5}, "title"),
        ({"title": "x" * 257}, "title"),
    ],
)
def test_a_bad_body_makes_nothing(keeper: LiveServer, body: dict[str, Any], param: str) -> None:
    before = send(keeper, "GET", "?limit=1")[1]["first_id"]
    status, answer = send(keeper, "POST", "", body)
    assert (status, answer["error"]["param"]) == (400, param)
    assert send(keeper, "GET", "?limit=1")[1]["first_id"] == before


@pytest.mark.parametrize("text", [b'"a\\u0000b"', b'"\\ud800"', b'"\xff"'])
def test_text_that_not_every_database_keeps_is_refused(keeper: LiveServer, ada: OpenAI, text: bytes) -> None:
    made = ada.conversations.create()
    item = b'{"role": "user", "content": ' + text + b"}"
    other = b'{"type": "x", "a": [' + text + b"]}"
    for path, body in (
        ("", b'{"items": [' + item + b"]}"),
        ("", b'{"metadata": {"k": ' + text + b"}}"),
        (f"/{made.id}", b'{"title": ' + text + b"}"),
        (f"/{made.id}/items", b'{"items": [' + other + b"]}"),
    ):
        assert send(keeper, "POST", path, body)[0] == 400
    assert ada.conversations.items.list(made.id).data == []


# --- the list, titles, forks: not in OpenAI's API -------------------------------------------------------------------


def test_conversations_are_listed_with_the_newest_activity_first(keeper: LiveServer) -> None:
    with client_of(keeper, "lister") as client:
        made = [client.conversations.create(metadata={"n": str(n), "even": str(n % 2 == 0)}).id for n in range(5)]
        _, answer = send(keeper, "GET", "", user="lister")
        assert [one["id"] for one in answer["data"]] == made[::-1]
        for one in answer["data"]:
            Conversation.model_validate(one, strict=True)
        assert (answer["object"], answer["first_id"], answer["last_id"]) == ("list", made[4], made[0])
        add(client, made[1], "news")
        _, answer = send(keeper, "GET", "", user="lister")
        assert [one["id"] for one in answer["data"]] == [made[n] for n in (1, 4, 3, 2, 0)]
        _, answer = send(keeper, "GET", "?metadata[even]=True&metadata[n]=2", user="lister")
        assert [one["id"] for one in answer["data"]] == [made[2]]
        _, answer = send(keeper, "GET", "?metadata[even]=True", user="lister")
        assert [one["id"] for one in answer["data"]] == [made[n] for n in (4, 2, 0)]
        client.conversations.delete(made[4])
        _, answer = send(keeper, "GET", "?order=asc", user="lister")
        assert [one["id"] for one in answer["data"]] == [made[n] for n in (0, 2, 3, 1)]


def test_the_list_has_pages(keeper: LiveServer) -> None:
    with client_of(keeper, "pager") as client:
        made = [client.conversations.create().id for _ in range(7)]
    seen: list[str] = []
    after, has_more = "", True
    while has_more:
        _, page = send(keeper, "GET", f"?limit=3&after={after}", user="pager")
        seen += [one["id"] for one in page["data"]]
        after, has_more = page["last_id"], page["has_more"]
    assert seen == made[::-1]
    assert send(keeper, "GET", f"?after={made[0]}", user="nobody-yet")[0] == 404


def test_the_sdks_own_paging_reads_the_list(keeper: LiveServer) -> None:
    with client_of(keeper, "sdk-pager") as client:
        made = [client.conversations.create().id for _ in range(5)]
        page = client.get_api_list("/conversations?limit=2", model=Conversation, page=SyncCursorPage[Conversation])
        assert ids(page) == made[::-1]


def test_a_user_without_conversations_has_an_empty_list(keeper: LiveServer) -> None:
    _, answer = send(keeper, "GET", "", user="newcomer")
    assert answer == {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}


def test_a_conversation_has_the_title_that_the_client_gives_it(ada: OpenAI, keeper: LiveServer) -> None:
    made = ada.conversations.create(extra_body={"title": " Greetings\t"})
    assert made.model_dump()["title"] == " Greetings\t"
    other = ada.conversations.update(made.id, metadata={"k": "v"})
    assert other.model_dump()["title"] == " Greetings\t"
    other = ada.conversations.update(made.id, metadata=None, extra_body={"title": "Farewell"})
    assert (other.model_dump()["title"], other.metadata) == ("Farewell", {"k": "v"})
    assert send(keeper, "POST", f"/{made.id}", {"title": ""})[1]["title"] is None
    assert ada.conversations.create().model_dump()["title"] is None


def test_a_title_is_no_activity(keeper: LiveServer) -> None:
    with client_of(keeper, "titler") as client:
        made = [client.conversations.create().id for _ in range(2)]
    send(keeper, "POST", f"/{made[0]}", {"title": "Old"}, user="titler")
    _, answer = send(keeper, "GET", "", user="titler")
    assert [one["id"] for one in answer["data"]] == made[::-1]


def test_a_conversation_is_forked_from_any_item(keeper: LiveServer, ada: OpenAI) -> None:
    words = ["zero", "one", "two"]
    made = ada.conversations.create(items=[said(word) for word in words], metadata={"k": "v"})
    items = list(ada.conversations.items.list(made.id, order="asc"))
    for number, item in enumerate(items):
        status, forked = send(keeper, "POST", f"/{made.id}/fork", {"item_id": item.id})
        assert status == 200
        Conversation.model_validate(forked, strict=True)
        assert forked["id"] != made.id
        assert texts(ada.conversations.items.list(forked["id"], order="asc")) == words[: number + 1]
    for body in (None, {}, {"item_id": None}):
        status, forked = send(keeper, "POST", f"/{made.id}/fork", body)
        assert texts(ada.conversations.items.list(forked["id"], order="asc")) == words


def test_a_fork_goes_its_own_way(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create(items=[said("zero"), said("one")])
    _, forked = send(keeper, "POST", f"/{made.id}/fork")
    add(ada, made.id, "here")
    add(ada, forked["id"], "there")
    first = ada.conversations.items.list(forked["id"], order="asc").data[0]
    ada.conversations.items.delete(first.id or "", conversation_id=forked["id"])
    assert texts(ada.conversations.items.list(made.id, order="asc")) == ["zero", "one", "here"]
    ada.conversations.delete(made.id)
    assert texts(ada.conversations.items.list(forked["id"], order="asc")) == ["one", "there"]


def test_a_fork_from_nothing_is_not_found(keeper: LiveServer, ada: OpenAI) -> None:
    made, other = ada.conversations.create(items=[HELLO]), ada.conversations.create()
    for item_id in ("msg_nothing", *add(ada, other.id, "x")):
        assert send(keeper, "POST", f"/{made.id}/fork", {"item_id": item_id})[0] == 404


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_conversation_that_is_deleted_while_others_write_is_not_found(ada: OpenAI) -> None:
    made = ada.conversations.create()
    started = threading.Event()

    def write() -> str:
        for number in range(1000):
            try:
                add(ada, made.id, str(number))
            except openai.NotFoundError:
                return "not found"
            started.set()
        return "never"

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write) for _ in range(4)]
        started.wait()
        ada.conversations.delete(made.id)
        assert [writer.result() for writer in writers] == ["not found"] * 4


def test_a_crowd_is_served_over_a_bounded_number_of_connections(keeper: LiveServer, ada: OpenAI) -> None:
    """64 clients on two workers: no database is locked for anybody, and PostgreSQL has no more guests than threads."""
    made = ada.conversations.create()
    path = f"/{made.id}/items"
    with ThreadPoolExecutor(64) as crowd:
        calls = [crowd.submit(send, keeper, "POST", path, {"items": [said(str(number))]}) for number in range(256)]
        num_connections = [count_connections(keeper)]
        while not all(call.done() for call in calls):
            num_connections.append(count_connections(keeper))
    assert {call.result()[0] for call in calls} == {200}
    assert {int(text) for text in texts(ada.conversations.items.list(made.id, limit=100))} == set(range(256))
    assert max(num_connections) <= 2 * DEFAULT_POOL_SIZE
    assert "Traceback" not in keeper.log


def count_connections(keeper: LiveServer) -> int:
    """Of the server to PostgreSQL."""
    url = keeper.variables.get("PARLEY_DATABASE_URL")
    if url is None:
        return 0
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'parley'"
        )
        return int(cursor.fetchone()[0])


def test_conversations_survive_the_server(keeper: LiveServer, ada: OpenAI) -> None:
    made = ada.conversations.create(items=[HELLO], metadata={"k": "v"})
    items = list(ada.conversations.items.list(made.id))
    keeper.kill()
    keeper.start()
    assert ada.conversations.retrieve(made.id) == made
    assert list(ada.conversations.items.list(made.id)) == items
    assert "Traceback" not in keeper.log


def test_while_the_database_is_away_the_answer_is_503_and_nothing_is_lost(cluster: Cluster) -> None:
    settings: dict[str, Any] = {"model": "/nowhere.gguf", "workers": 2, "waits": False}
    with (
        LiveServer(database_url=cluster.url, **settings) as server,
        OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client,
    ):
        made = client.conversations.create(items=[said("before")])
        cluster.stop(signal.SIGQUIT)
        for _ in range(8):
            status, answer, headers = server.post(f"/v1/conversations/{made.id}/items", {"items": [said("lost")]})
            assert (status, answer["error"]["code"]) == (503, "database_unavailable")
            assert int(headers["retry-after"]) >= 1
        assert server.get("/healthz")[0] == 200
        cluster.start()
        add(client.with_options(max_retries=5), made.id, "after")
        assert texts(client.conversations.items.list(made.id, order="asc")) == ["before", "after"]
