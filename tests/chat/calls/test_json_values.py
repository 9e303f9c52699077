from __future__ import annotations

import math

import pytest

from server.chat.calls.json_values import dumps, is_encodable, loads
from server.chat.families.json_arguments.hermes import Hermes
from server.chat.families.literal_arguments.gemma import Gemma
from server.chat.families.literal_arguments.python_calls import Lfm2
from server.chat.families.tagged_arguments.qwen_coder import QwenCoder
from tests.chat.tool_families import taken_apart


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "'a'", ""])
def test_what_only_python_reads_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_text_can_be_encoded() -> None:
    assert dumps({"é": "😀"}) == '{"é": "😀"}'
    assert dumps("\ud800é") == '"\\ud800\\u00e9"'
    assert is_encodable("é😀")
    assert not is_encodable("\udfff")
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps(math.nan)


def test_nan_and_halves_of_pairs_never_reach_a_client_raw() -> None:
    qwen = "<tool_call><function=write-note><parameter=score>NaN</parameter></function></tool_call>"
    assert taken_apart(QwenCoder(), qwen) == [("call", "write-note", '{"score": "NaN"}')]
    python = "<|tool_call_start|>[write-note(text='\\ud800', score=NaN)]"
    assert taken_apart(Lfm2(), python) == [("call", "write-note", '{"text": "\\ud800"'), ("content", ", score=NaN)]")]
    gemma = '<|tool_call>call:add{"\\ud800": NaN}'
    assert taken_apart(Gemma(), gemma) == [("call", "add", '{"\\ud800": "NaN"}')]
    for arguments in ('{\\"a\\": NaN}', '{\\"\\ud800\\": 1}'):
        hermes = f'<tool_call>{{"name": "add", "arguments": "{arguments}"}}</tool_call>'
        assert taken_apart(Hermes(), hermes) == [("content", hermes)]


def test_functions_in_functions_are_no_call() -> None:
    text = "<tool_call>" + '{"function": ' * 20
    assert taken_apart(Hermes(), text) == [("content", text)]
    deep = "<tool_call>" + '{"function": ' * 5_000
    parser = Hermes().parser(())
    assert parser.feed(deep) + parser.finish() != []
