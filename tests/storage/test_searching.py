"""Searching one's own conversations, on both databases."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from storage import conversations, items, responses, searching
from storage.db import sql
from storage.db.address import parse_address
from storage.db.database import Database
from storage.db.schema import migrate
from storage.errors import RecordNotFound
from storage.records import Match, StoredEvent, User
from tests.live_server import CHECKOUT
from tests.storage.helpers import answer, begin, complete, message

CHINESE = "今天天气很好。我们去公园散步吧。"
TEXTS = {
    "tea": "The best tea pots of Yunnan cost 25.50 dollars",
    "pots": "Pots for tea, teapots and others",
    "han": CHINESE,
    "thai": "วันนี้อากาศดีมาก",
    "russian": "Ёжик в тумане",
    "hindi": "मुझे हिन्दी पसंद है",
    "arabic": "السَّلامُ عليكم",
    "code": "call foo_bar(user@example.com) 🙂",
    "cafe": "Ein Café in der STRASSE nebenan, naïve",
    "japanese": "東京タワーへ行きました",
    "korean": "서울에서 만나요",
}


def make(database: Database, user: User, *said: str, title: str | None = None) -> str:
    return database.run(conversations.create, user.id, None, [message(text) for text in said], title=title).public_id


def find(database: Database, user: User, query: str, **more: Any) -> list[Match]:
    return list(database.run(searching.find, user.id, query, **more).data)


def found(database: Database, user: User, query: str, **more: Any) -> list[str]:
    return [match.conversation.public_id for match in find(database, user, query, **more)]


def marked(match: Match) -> list[str]:
    return [part.text for part in match.snippet if part.is_match]


@pytest.fixture
def made(database: Database, user: User) -> dict[str, str]:
    return {name: make(database, user, text) for name, text in TEXTS.items()}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tea", {"tea", "pots"}),
        ("TEA  pot", {"tea", "pots"}),
        ('"tea pots"', {"tea"}),
        ("“tea pots” dollars", {"tea"}),
        ('"tea pot"', set()),
        ("teap", {"pots"}),
        ('"teap"', set()),
        ("25.50", {"tea"}),
        ("eapots", set()),
        ("天气", {"han"}),
        ("今天 公园", {"han"}),
        ("天今", set()),
        ("散步吧", {"han"}),
        ("อากาศ", {"thai"}),
        ("ежик", {"russian"}),
        ("हिन्दी", {"hindi"}),
        ("السلام", {"arabic"}),
        ("foo_bar", {"code"}),
        ("example.com", {"code"}),
        ("🙂", {"code"}),
        ("cafe straße naive", {"cafe"}),
        ("タワー", {"japanese"}),
        ("東京", {"japanese"}),
        ("서울", {"korean"}),
        ("nothing tea", set()),
    ],
)
def test_what_is_found(database: Database, user: User, made: dict[str, str], query: str, expected: set[str]) -> None:
    assert set(found(database, user, query)) == {made[name] for name in expected}
    assert set(found(database, user, query, order="rank")) == {made[name] for name in expected}


RUBBISH = [
    *('"', '""', "'", "(", ")", "AND", "tea AND", "NOT tea", "NEAR(tea, 5)", "tea*", "*", "words:tea", "^tea", "-tea"),
    *(
        "tea)",
        "a:*",
        "!tea",
        "tea & | pot",
        "<->",
        "\\",
        "%",
        "_",
        "$query",
        "{}",
        "[",
        ";; DROP TABLE items",
        "\ue0001",
    ),
    *("\ud7ff", "\x01", "tea " * 60, "a " * 120, "x" * 250, "天" * 250, '"a" ' * 60, "\u0301", "½", "ﷺ", "ª" * 100),
]


@pytest.mark.parametrize("order", ["newest", "rank"])
def test_rubbish_is_taken_as_words(database: Database, user: User, order: str) -> None:
    conversation = make(database, user, "tea", "ﷺ ½ AND not near words")
    for query in RUBBISH:
        assert len(found(database, user, query, order=order)) <= 1, query
    for query in ("tea*", "^tea", "-tea", "tea)", "(tea", "tea & ", "not AND", '"', "ﷺ"):
        expected = [] if query == '"' else [conversation]
        assert found(database, user, query, order=order) == expected, query


def test_a_match_says_where_and_shows_it(database: Database, user: User) -> None:
    long = "word " * 100 + "here is the needle, and more needles" + " word" * 100
    conversation = make(database, user, "nothing", long, title="Haystack")
    [match] = find(database, user, "needle")
    stored = database.run(items.list_all, user.id, conversation)
    assert match.item_id == stored[1].public_id
    assert marked(match) == ["needle", "needles"]
    text = "".join(part.text for part in match.snippet)
    assert text.startswith("…word")
    assert text.endswith("word…")
    assert len(text) < 300
    [match] = find(database, user, "hay")
    assert (match.item_id, [(part.text, part.is_match) for part in match.snippet]) == (None, [("Haystack", True)])
    assert match.conversation == database.run(conversations.get, user.id, conversation)


def test_the_last_match_of_a_conversation_is_shown_or_the_best(database: Database, user: User) -> None:
    best = "tea tea tea tea"
    conversation = make(database, user, best, "a very long text about all and everything and then tea")
    by_id = {item.public_id: item.data for item in database.run(items.list_all, user.id, conversation)}
    [match] = find(database, user, "tea")
    assert by_id[match.item_id or ""]["content"][0]["text"].startswith("a very long")
    [match] = find(database, user, "tea", order="rank")
    assert by_id[match.item_id or ""]["content"][0]["text"] == best


def test_a_title_counts_more_than_a_word_in_passing(database: Database, user: User) -> None:
    titled = make(database, user, "x", title="Tea")
    passing = make(database, user, "one word of many, many others that say nothing of it, such as tea, and go on")
    assert found(database, user, "tea") == [passing, titled]
    assert found(database, user, "tea", order="rank") == [titled, passing]


@pytest.mark.parametrize("order", ["newest", "rank"])
def test_pages_meet_each_conversation_once(database: Database, user: User, order: searching.Order) -> None:
    made = [make(database, user, "tea", "tea " * (number % 3 + 1)) for number in range(9)]
    for limit in (1, 2, 4, 9, 10):
        seen: list[str] = []
        while True:
            after = seen[-1] if seen else None
            page = database.run(searching.find, user.id, "tea", limit=limit, order=order, after=after)
            seen += [match.conversation.public_id for match in page.data]
            if not page.has_more:
                break
        assert sorted(seen) == sorted(made)
        assert order == "rank" or seen == made[::-1]
    with pytest.raises(RecordNotFound, match="conversation 'conv_x'"):
        find(database, user, "tea", order=order, after="conv_x")


def test_others_texts_are_never_found(database: Database, user: User, stranger: User) -> None:
    mine = make(database, user, "secret tea", title="Secret")
    for order in ("newest", "rank"):
        assert found(database, stranger, "secret", order=order) == []
        assert found(database, user, "secret", order=order) == [mine]
    with pytest.raises(RecordNotFound):
        find(database, stranger, "secret", after=mine)


def test_thoughts_and_calls_are_not_searched_and_outputs_of_tools_are(database: Database, user: User) -> None:
    thought = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "alpha"}]}
    call = {"type": "function_call", "call_id": "c", "name": "beta", "arguments": '{"x": "gamma"}'}
    output = {"type": "function_call_output", "call_id": "c", "output": "delta"}
    parts = {**output, "output": [{"type": "input_text", "text": "epsilon"}]}
    conversation = database.run(conversations.create, user.id, None, [thought, call, output, parts]).public_id
    for query in ("alpha", "beta", "gamma"):
        assert found(database, user, query) == []
    for query in ("delta", "epsilon"):
        assert found(database, user, query) == [conversation]


def test_a_title_is_found_as_it_is_now(database: Database, user: User) -> None:
    conversation = make(database, user)
    assert database.run(conversations.suggest_title, user.id, conversation, "Suggested")
    assert found(database, user, "suggested") == [conversation]
    database.run(conversations.update, user.id, conversation, title="Chosen")
    assert found(database, user, "suggested") == []
    assert found(database, user, "chosen") == [conversation]
    database.run(conversations.update, user.id, conversation, {"a": "b"})
    forked = database.run(conversations.fork, user.id, conversation).public_id
    assert found(database, user, "chosen") == [forked, conversation]
    database.run(conversations.update, user.id, conversation, title="")
    assert found(database, user, "chosen") == [forked]


def test_an_answer_is_found_when_it_has_ended(database: Database, user: User) -> None:
    conversation = make(database, user)
    begun = begin(database, user, message("question"), conversation_id=conversation)
    assert found(database, user, "question") == [conversation]
    database.run(responses.save_output, user.id, begun.public_id, [answer("msg_a", "grow", "in_progress")])
    assert found(database, user, "grow") == []
    database.run(responses.save_output, user.id, begun.public_id, [answer("msg_a", "growing", "completed")])
    assert found(database, user, "growing") == [conversation]
    complete(database, user, begun, answer("msg_a", "growing"), answer("msg_b", "second"))
    assert [match.item_id for match in find(database, user, "second")] == ["msg_b"]


def test_what_a_dead_worker_left_is_found(database: Database, user: User, dead_worker: str) -> None:
    conversation = make(database, user)
    begun = begin(database, user, message("q"), conversation_id=conversation, owner=dead_worker)
    growing = [answer("msg_a", "unfinished", "in_progress")]
    database.run(responses.save_output, user.id, begun.public_id, growing, events=[StoredEvent(0, "{}")])
    database.run(responses.reap_expired)
    assert found(database, user, "unfinished") == [conversation]


def test_what_is_in_no_conversation_is_not_found_until_it_is(database: Database, user: User) -> None:
    complete(database, user, begin(database, user, message("alone", id="msg_q")), answer("msg_a", "answered"))
    assert (found(database, user, "alone"), found(database, user, "answered")) == ([], [])
    references = [{"type": "item_reference", "id": name} for name in ("msg_q", "msg_a")]
    conversation = database.run(conversations.create, user.id, None, references).public_id
    assert (found(database, user, "alone"), found(database, user, "answered")) == ([conversation], [conversation])


def test_forks_are_found_as_well(database: Database, user: User) -> None:
    root = make(database, user, "tea")
    forked = database.run(conversations.fork, user.id, root).public_id
    database.run(items.add, user.id, forked, [message("cake")])
    assert found(database, user, "tea") == [forked, root]
    assert found(database, user, "cake") == [forked]
    database.run(conversations.delete, user.id, root)
    assert found(database, user, "tea") == [forked]


def num_indexed(database: Database) -> int:
    def count(db: Any) -> int:
        return sum(int(db.select(f"SELECT count(*) FROM {table}")[0]) for table in ("item_words", "title_words"))

    return database.run(count)


def test_what_is_deleted_leaves_the_index(database: Database, user: User) -> None:
    conversation = make(database, user, "tea", "cake", title="Tea")
    [first, _] = database.run(items.list_all, user.id, conversation)
    assert num_indexed(database) == 3
    database.run(items.delete, user.id, conversation, first.public_id)
    assert num_indexed(database) == 2
    forked = database.run(conversations.fork, user.id, conversation).public_id
    database.run(conversations.delete, user.id, conversation)
    assert num_indexed(database) == 2
    database.run(conversations.delete, user.id, forked)
    assert num_indexed(database) == 0


@pytest.mark.parametrize(
    "text",
    [
        "tea " * 50_000,
        " ".join(f"w{number}" for number in range(60_000)) + " tea",
        "".join(map(chr, range(0x4E00, 0x9FFF))) * 10,
        "x" * 300_000,
        "\U00020000" * 200_000,
        " ".join(chr(0x20000 + number) * 64 for number in range(2_000)),
    ],
    ids=["repeated", "many words", "all of Han", "one word", "one character", "long words"],
)
def test_long_texts_are_stored_and_found_by_their_beginning(database: Database, user: User, text: str) -> None:
    conversation = make(database, user, text)
    beginning = text[:2]
    assert found(database, user, beginning) == [conversation]
    assert found(database, user, beginning, order="rank") == [conversation]


def test_a_failed_write_leaves_nothing_in_the_index(database: Database, user: User) -> None:
    reference = {"type": "item_reference", "id": "msg_x"}
    with pytest.raises(RecordNotFound):
        database.run(conversations.create, user.id, None, [message("tea"), reference], title="Tea")
    assert num_indexed(database) == 0


def test_what_was_there_before_the_index_is_found(url: str, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for path in (CHECKOUT / "storage" / "db" / "migrations").glob("m*.py"):
        if path.name < "m0007":
            (old / path.name).write_text(path.read_text())
    migrate(parse_address(url), str(old))
    _insert_old(url, tmp_path)
    database = Database(url)
    for query, item_id in (("tea", "msg_1"), ("天气", "msg_2"), ("title", None)):
        [match] = database.run(searching.find, 1, query).data
        assert match.item_id == item_id
    assert num_indexed(database) == 3
    assert database.run(sql.is_postgresql) == url.startswith("postgresql")
    database.close()


def _insert_old(url: str, tmp_path: Path) -> None:
    is_sqlite = url.startswith("sqlite")
    connection: Any = sqlite3.connect(tmp_path / "parley.db") if is_sqlite else psycopg2.connect(url)
    with connection:
        cursor = connection.cursor()
        cursor.execute("INSERT INTO users VALUES (1, 'user_1', 'ada', false, false, false, 5)")
        cursor.execute(
            "INSERT INTO conversations (id, public_id, user_id, title, metadata, created_at, active_at, next_position,"
            " root_id) VALUES (1, 'conv_1', 1, 'Title', '{}', 5, 5, 9, 1)"
        )
        said = {1: ("message", "completed", "tea"), 2: ("message", None, CHINESE), 3: ("reasoning", None, "thought")}
        said[4] = ("message", "in_progress", "growing")
        said[5] = ("message", None, "alone")
        for number, (kind, status, text) in said.items():
            data = f'{{"id": "msg_{number}", "type": "{kind}", "content": [{{"text": "{text}"}}]}}'
            mark = "?" if is_sqlite else "%s"
            cursor.execute(
                f"INSERT INTO items VALUES ({', '.join([mark] * 7)})",
                (number, f"msg_{number}", 1, kind, status, data, 5),
            )
            if text != "alone":
                cursor.execute(f"INSERT INTO conversation_items VALUES (1, {mark}, {mark})", (number, number))
    connection.close()
