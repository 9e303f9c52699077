from __future__ import annotations

from typing import Any

import pytest

from schemas.conversations import (
    MAX_TITLE_LENGTH,
    ConversationChange,
    ForkEnd,
    ListFilter,
    NewConversation,
    load_conversation_change,
    load_deletion,
    load_fork,
    load_list_filter,
    load_metadata_filter,
    load_new_conversation,
    load_new_items,
    load_wants_last_response,
)
from schemas.fields.errors import SchemaError
from schemas.fields.ids import CONVERSATION, check_id
from schemas.items import message

HELLO = {"role": "user", "content": "hi"}


def test_a_new_conversation_may_be_empty() -> None:
    assert load_new_conversation({}) == NewConversation((), {}, None)
    assert load_new_conversation({"items": None, "metadata": None, "title": None}) == NewConversation()
    assert load_new_conversation({"items": [], "metadata": {}}) == NewConversation()


def test_a_new_conversation_has_items_metadata_and_a_title() -> None:
    loaded = load_new_conversation({"items": [HELLO], "metadata": {" k ": " v\n"}, "title": " Greetings ", "x": 1})
    assert loaded == NewConversation((message("user", "hi"),), {" k ": " v\n"}, " Greetings ")


def test_metadata_has_openais_limits() -> None:
    largest = {f"{number:02}".rjust(64, "k"): "v" * 512 for number in range(16)}
    assert load_new_conversation({"metadata": largest}).metadata == largest


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        (5, "metadata"),
        ([], "metadata"),
        ({"k": 5}, "metadata.k"),
        ({"k": None}, "metadata.k"),
        ({"k": {"k": "v"}}, "metadata.k"),
        ({"k": "v" * 513}, "metadata.k"),
        ({"k" * 65: "v"}, "metadata"),
        ({"": "v"}, "metadata"),
        ({str(number): "v" for number in range(17)}, "metadata"),
    ],
)
def test_bad_metadata_is_named(metadata: Any, param: str) -> None:
    for load in (load_new_conversation, load_conversation_change):
        with pytest.raises(SchemaError) as caught:
            load({"metadata": metadata})
        assert caught.value.param == param


@pytest.mark.parametrize("title", [5, [], "x" * (MAX_TITLE_LENGTH + 1)])
def test_a_bad_title_is_named(title: object) -> None:
    with pytest.raises(SchemaError) as caught:
        load_new_conversation({"title": title})
    assert caught.value.param == "title"


def test_a_change_leaves_alone_what_is_null_beside_a_title() -> None:
    assert load_conversation_change({"metadata": {}}) == ConversationChange({}, None)
    assert load_conversation_change({"metadata": None, "title": "T"}) == ConversationChange(None, "T")
    assert load_conversation_change({"title": ""}) == ConversationChange(None, "")


def test_settings_are_given_by_the_storages_names_and_null_takes_away_what_can_be() -> None:
    body = {"instructions": "", "defaults": {"top_p": 0.5, "seed": None}, "pinned": True, "archived": False}
    settings = {"instructions": "", "defaults": {"top_p": 0.5}, "is_pinned": True, "is_archived": False}
    assert load_new_conversation(body) == NewConversation(settings=settings)
    assert load_conversation_change(body) == ConversationChange(settings=settings)
    nothing = dict.fromkeys(body)
    assert load_new_conversation(nothing) == NewConversation()
    assert load_conversation_change(nothing) == ConversationChange(settings={"instructions": None, "defaults": {}})
    assert load_conversation_change({"pinned": True, "metadata": None}).metadata is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"pinned": 1}, "pinned"),
        ({"archived": "true"}, "archived"),
        ({"instructions": ["x"]}, "instructions"),
        ({"defaults": []}, "defaults"),
        ({"defaults": {"temperature": 3}}, "defaults.temperature"),
    ],
)
def test_a_bad_setting_is_named(body: dict[str, Any], param: str) -> None:
    for load in (load_new_conversation, load_conversation_change):
        with pytest.raises(SchemaError) as caught:
            load(body)
        assert caught.value.param == param


@pytest.mark.parametrize("body", [{"metadata": None}, {"metadata": None, "title": None}])
def test_metadata_alone_must_not_be_null(body: dict[str, Any]) -> None:
    with pytest.raises(SchemaError) as caught:
        load_conversation_change(body)
    assert (caught.value.param, caught.value.code) == ("metadata", "invalid_type")


def test_a_change_must_change_something() -> None:
    with pytest.raises(SchemaError) as caught:
        load_conversation_change({})
    assert (caught.value.param, caught.value.code) == ("metadata", "missing_required_parameter")


@pytest.mark.parametrize("items", [None, [], {}, "hi", [None], [HELLO] * 21])
def test_one_to_twenty_items_are_added(items: object) -> None:
    with pytest.raises(SchemaError) as caught:
        load_new_items({"items": items})
    assert (caught.value.param or "").startswith("items")
    assert len(load_new_items({"items": [HELLO] * 20})) == 20


def test_a_fork_takes_all_items_or_up_to_one_or_those_in_front_of_one() -> None:
    assert load_fork({}) == ForkEnd()
    assert load_fork({"item_id": None, "before": None}) == ForkEnd()
    assert load_fork({"item_id": "msg_1", "before": None}) == ForkEnd("msg_1")
    assert load_fork({"before": "msg_1"}) == ForkEnd(before="msg_1")
    for name in ("item_id", "before"):
        with pytest.raises(SchemaError) as caught:
            load_fork({name: "../1"})
        assert caught.value.param == name


def test_a_fork_has_one_end() -> None:
    with pytest.raises(SchemaError) as caught:
        load_fork({"item_id": "msg_1", "before": "msg_2"})
    assert (caught.value.param, caught.value.code) == ("before", "mutually_exclusive_parameters")


def test_a_list_is_filtered_by_lineage() -> None:
    assert load_list_filter({"limit": ["5"], "roots": [""]}) == ListFilter()
    assert load_list_filter({"roots": ["true"], "metadata[a]": ["1"]}) == ListFilter({"a": "1"}, roots=True)
    kept = {"pinned": ["true"], "archived": ["false"]}
    assert load_list_filter(kept) == ListFilter(pinned=True, archived=False)
    both = {"root": ["conv_1"], "forked_from": ["conv_2"], "roots": ["false"]}
    assert load_list_filter(both) == ListFilter(root="conv_1", forked_from="conv_2")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"roots": ["yes"]}, "roots"),
        ({"pinned": ["1"]}, "pinned"),
        ({"archived": ["True"]}, "archived"),
        ({"root": ["msg_1"]}, "root"),
        ({"forked_from": ["conv_\0"]}, "forked_from"),
        ({"roots": ["true"], "root": ["conv_1"]}, "root"),
        ({"roots": ["true"], "forked_from": ["conv_1"]}, "forked_from"),
    ],
)
def test_a_bad_filter_is_named(query: dict[str, list[str]], param: str) -> None:
    with pytest.raises(SchemaError) as caught:
        load_list_filter(query)
    assert caught.value.param == param


def test_a_deletion_may_be_of_the_whole_family() -> None:
    assert load_deletion({}) is False
    assert load_deletion({"family": ["false"]}) is False
    assert load_deletion({"family": ["true"]}) is True
    with pytest.raises(SchemaError) as caught:
        load_deletion({"family": ["1"]})
    assert caught.value.param == "family"


def test_a_list_is_filtered_by_pairs_of_metadata() -> None:
    query = {"metadata[a]": ["1", "2"], "metadata[b]c]": [""], "limit": ["5"], "metadata": ["x"], "metadata[": ["x"]}
    assert load_metadata_filter(query) == {"a": "1", "b]c": ""}
    assert load_metadata_filter({}) == {}


@pytest.mark.parametrize(
    "query",
    [
        {"metadata[a]": ["\0"]},
        {"metadata[]": ["a"]},
        {"metadata[\0]": ["a"]},
        {f"metadata[{n}]": ["a"] for n in range(17)},
    ],
)
def test_a_filter_that_nothing_can_match_is_refused(query: dict[str, list[str]]) -> None:
    with pytest.raises(SchemaError):
        load_metadata_filter(query)


@pytest.mark.parametrize("text", ["conv_1", "conv_" + "a" * 59, "conv_a-b_C"])
def test_an_id_has_its_prefix(text: str) -> None:
    assert check_id(text, "conversation_id", CONVERSATION) == text


@pytest.mark.parametrize(
    "text", ["", "1", "conv", "conv_", "msg_1", "conv_" + "a" * 60, "conv_\0", "conv_é", "conv_1\n"]
)
def test_what_cannot_be_an_id_is_refused(text: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_id(text, "conversation_id", CONVERSATION)
    assert (caught.value.param, caught.value.code) == ("conversation_id", "invalid_value")
    assert "'conv_'" in caught.value.message


def test_of_a_conversation_its_last_response_can_be_included_and_nothing_else() -> None:
    assert load_wants_last_response({"include[]": ["parley.last_response"]})
    assert not load_wants_last_response({"include": [""]})
    with pytest.raises(SchemaError) as caught:
        load_wants_last_response({"include": ["parley.origin"]})
    assert caught.value.param == "include[0]"
