"""Items as clients send them, against what OpenAI's own types accept of a stored one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.conversations import ConversationItem
from pydantic import TypeAdapter

from schemas.fields.base import RequestSchema
from schemas.fields.errors import SchemaError
from schemas.fields.loading import load
from schemas.items import MAX_ITEMS, items_field, message

CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"b": 1,  "a": 2}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": " 5\n"}
REASONING = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
IMAGE = {"type": "input_image", "image_url": "https://images.example/a.png"}
STORED_ITEM: TypeAdapter[Any] = TypeAdapter(ConversationItem)


class BodySchema(RequestSchema):
    items = items_field(required=True)


def loaded(*items: Any) -> list[Any]:
    found: list[Any] = load(BodySchema(), {"items": list(items)})["items"]
    return found


def refusal(*items: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        loaded(*items)
    return caught.value


def assert_openai_reads(item: dict[str, Any]) -> None:
    """An item as it will be stored, in strict mode; the storage adds the id."""
    STORED_ITEM.validate_python({"id": "item_1", **item}, strict=True)


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "hi"},
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}, IMAGE]},
        {"role": "user", "content": [{"type": "input_file", "file_data": "data:,", "filename": "a.txt"}]},
        {"role": "user", "content": []},
        {"role": "system", "content": "hi", "type": None, "id": None, "status": None, "phase": None},
        {"role": "developer", "content": "hi", "type": "message"},
        {"role": "assistant", "content": "hi", "phase": "final_answer"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "hi", "annotations": None}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "status": "incomplete"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        CALL,
        {**CALL, "id": "fc_1", "status": "incomplete"},
        OUTPUT,
        {**OUTPUT, "output": [{"type": "input_text", "text": "5"}, IMAGE]},
        {**OUTPUT, "output": []},
        REASONING,
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}], "encrypted_content": "x"},
        {"type": "reasoning", "summary": None, "content": None},
    ],
    ids=str,
)
def test_what_openais_client_sends_is_stored_as_its_types_read_it(item: dict[str, Any]) -> None:
    (stored,) = loaded(item)
    assert_openai_reads(stored)


def test_text_becomes_a_part_of_the_kind_that_fits_its_role() -> None:
    for role, part in (
        ("user", {"type": "input_text", "text": " hi\n"}),
        ("system", {"type": "input_text", "text": " hi\n"}),
        ("developer", {"type": "input_text", "text": " hi\n"}),
        ("assistant", {"type": "output_text", "text": " hi\n", "annotations": [], "logprobs": []}),
    ):
        expected = {"type": "message", "status": "completed", "role": role, "content": [part]}
        assert loaded({"role": role, "content": " hi\n"}) == [expected]
        assert message(role, " hi\n") == expected
        assert_openai_reads(expected)


def test_a_message_keeps_its_fields_and_their_order() -> None:
    sent = {
        "z": {"b": 1, "a": [2, {"y": None, "x": " "}]},
        "content": [{"text": "\t hi \n\n", "annotations": [], "type": "output_text", "logprobs": [], "extra": 1.50}],
        "status": "incomplete",
        "role": "assistant",
        "type": "message",
        "id": "msg_of-another_server",
    }
    assert json.dumps(loaded(sent)[0]) == json.dumps(sent)


def test_what_is_missing_comes_after_what_was_given() -> None:
    (item,) = loaded({"content": "hi", "role": "user"})
    assert list(item) == ["content", "role", "type", "status"]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "shell_call", "action": {"commands": [" ls  -l "], "z": 1, "a": 2}, "call_id": None, "id": "sh_1"},
        {"type": "from_the_future", "status": "dreaming", "content": 5},
        {"z": 1, "type": "compaction", "a": "\u2028", "id": "cmp_1"},
    ],
)
def test_an_item_of_another_type_is_kept_as_it_is(item: dict[str, Any]) -> None:
    assert json.dumps(loaded(item)[0]) == json.dumps(item)


def test_an_id_that_is_null_is_left_for_the_storage_to_make() -> None:
    for item in ({"type": "new", "id": None}, {"role": "user", "content": "hi", "id": None}, {**CALL, "id": None}):
        assert "id" not in loaded(item)[0]


@pytest.mark.parametrize(
    "item", [{"id": "msg_1"}, {"id": "msg_1", "type": None}, {"type": "item_reference", "id": "msg_1"}]
)
def test_a_reference_is_known_by_its_id_alone(item: dict[str, Any]) -> None:
    assert loaded(item) == [{"id": "msg_1", "type": "item_reference"}]


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (5, ""),
        (None, ""),
        ([], ""),
        ({}, ".type"),
        ({"type": None}, ".type"),
        ({"type": 5}, ".type"),
        ({"type": ""}, ".type"),
        ({"type": "x" * 65}, ".type"),
        ({"type": "x", "status": {}}, ".status"),
        ({"type": "x", "id": 5}, ".id"),
        ({"type": "x", "id": ""}, ".id"),
        ({"type": "x", "id": "a/b"}, ".id"),
        ({"type": "x", "id": "é"}, ".id"),
        ({"type": "x", "id": "x" * 65}, ".id"),
        ({"content": "hi"}, ".type"),
        ({"role": "robot", "content": "hi"}, ".role"),
        ({"role": 5, "content": "hi"}, ".role"),
        ({"type": "message", "content": "hi"}, ".role"),
        ({"role": "user"}, ".content"),
        ({"role": "user", "content": None}, ".content"),
        ({"role": "user", "content": {}}, ".content"),
        ({"role": "user", "content": ["hi"]}, ".content[0]"),
        ({"role": "user", "content": [{"text": "hi"}]}, ".content[0].type"),
        ({"role": "user", "content": [{"type": "video", "text": "hi"}]}, ".content[0].type"),
        ({"role": "user", "content": [{"type": "input_text"}]}, ".content[0].text"),
        ({"role": "user", "content": [{"type": "input_text", "text": 5}]}, ".content[0].text"),
        (
            {"role": "user", "content": [{"type": "output_text", "text": "", "annotations": {}}]},
            ".content[0].annotations",
        ),
        ({"role": "user", "content": [{**IMAGE, "detail": "huge"}]}, ".content[0].detail"),
        ({"role": "user", "content": "hi", "status": "done"}, ".status"),
        ({"role": "assistant", "content": "hi", "phase": "x"}, ".phase"),
        ({**CALL, "call_id": None}, ".call_id"),
        ({**CALL, "name": 5}, ".name"),
        ({**CALL, "arguments": {}}, ".arguments"),
        ({"type": "function_call_output", "output": "5"}, ".call_id"),
        ({**OUTPUT, "output": None}, ".output"),
        ({**OUTPUT, "output": [{"type": "output_text", "text": "5"}]}, ".output[0].type"),
        ({**REASONING, "summary": "Hm."}, ".summary"),
        ({**REASONING, "summary": [{"type": "input_text", "text": "Hm."}]}, ".summary[0].type"),
        ({"type": "item_reference"}, ".id"),
    ],
    ids=str,
)
def test_a_bad_item_is_named_with_its_path(item: object, place: str) -> None:
    error = refusal({"role": "user", "content": "hi"}, item)
    assert error.param == f"items[1]{place}"
    assert error.message.startswith(f"'items[1]{place}' ")
    assert error.code in ("invalid_type", "invalid_value", "missing_required_parameter")
    assert len(error.message) < 250


def test_a_request_adds_twenty_items_at_most() -> None:
    item = {"role": "user", "content": "hi"}
    assert len(loaded(*[item] * MAX_ITEMS)) == MAX_ITEMS == 20
    error = refusal(*[item] * 21)
    assert (error.param, error.message) == ("items", "'items' must have at most 20 items, got 21.")


NAMES = st.sampled_from(
    ["type", "id", "role", "content", "text", "status", "summary", "output", "call_id", "name", "arguments", "x"]
)
WORDS = st.sampled_from(["message", "user", "assistant", "input_text", "output_text", "function_call", "reasoning", ""])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)


@settings(deadline=None)
@given(DOCUMENTS)
def test_any_json_is_an_item_or_a_proper_error(document: Any) -> None:
    before = json.dumps(document)
    items, param = try_to_load(document)
    assert json.dumps(document) == before, "what was sent is not changed"
    assert param is None or param.startswith("items[0]")
    assert all(isinstance(item, dict) for item in items)
    assert json.dumps(loaded(*items)) == json.dumps(items), "what is read can be sent again"


def try_to_load(document: Any) -> tuple[list[Any], str | None]:
    """The items, or the param that is wrong."""
    try:
        return loaded(document), None
    except SchemaError as error:
        return [], error.param
