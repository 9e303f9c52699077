from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from server.answers.parts import ToolCallStarted
from server.chat.calls.opened import OpenedFamily
from server.chat.families.json_arguments import deepseek, kimi
from server.chat.families.json_arguments.deepseek import DeepSeek, DeepSeekV31
from server.chat.families.json_arguments.kimi import Kimi
from server.chat.families.json_arguments.mistral import Mistral, MistralArray, MistralWithIds
from tests.chat.tool_families import PARIS, SUM, TOOLS, Arguments, Render, check_format, check_grammar, taken_apart

Written = Sequence[tuple[str, Arguments]]
PARIS_CALL = ("call", "get_weather", '{"city": "Paris"}')


def dumped(arguments: Arguments) -> str:
    return json.dumps(arguments, ensure_ascii=False)


def mistral(calls: Written) -> str:
    return "".join(f"[TOOL_CALLS]{name}[ARGS]{dumped(arguments)}" for name, arguments in calls)


def mistral_with_ids(calls: Written) -> str:
    return "".join(f"[TOOL_CALLS]{name}[CALL_ID]aB3456789[ARGS]{dumped(arguments)}" for name, arguments in calls)


def mistral_array(calls: Written) -> str:
    called = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return f"[TOOL_CALLS] {json.dumps(called, ensure_ascii=False)}"


def deepseek_v3(calls: Written) -> str:
    written = (
        f"{deepseek.CALL_BEGIN}function{deepseek.SEPARATOR}{name}\n```json\n{dumped(arguments)}\n```{deepseek.CALL_END}"
        for name, arguments in calls
    )
    return deepseek.CALLS_BEGIN + "\n".join(written) + deepseek.CALLS_END


def deepseek_v31(calls: Written) -> str:
    written = (
        f"{deepseek.CALL_BEGIN}{name}{deepseek.SEPARATOR}{dumped(arguments)}{deepseek.CALL_END}"
        for name, arguments in calls
    )
    return deepseek.CALLS_BEGIN + "".join(written) + deepseek.CALLS_END


def kimi_k2(calls: Written) -> str:
    written = (
        f"{kimi.CALL_BEGIN}functions.{name}:{number}{kimi.ARGUMENTS}{dumped(arguments)}{kimi.CALL_END}"
        for number, (name, arguments) in enumerate(calls)
    )
    return kimi.SECTION_BEGIN + "".join(written) + kimi.SECTION_END


FORMATS: list[tuple[OpenedFamily, Render]] = [
    (Mistral(), mistral),
    (MistralWithIds(), mistral_with_ids),
    (MistralArray(), mistral_array),
    (DeepSeek(), deepseek_v3),
    (DeepSeekV31(), deepseek_v31),
    (Kimi(), kimi_k2),
]
both = pytest.mark.parametrize(("family", "render"), FORMATS, ids=lambda value: getattr(value, "name", ""))


@both
def test_outputs_are_taken_apart(family: OpenedFamily, render: Render) -> None:
    check_format(family, render)


@both
def test_the_grammar_takes_calls_and_nothing_else(family: OpenedFamily, render: Render) -> None:
    check_grammar(family, render)


def ids_of(family: OpenedFamily, text: str) -> list[str]:
    parser = family.parser(TOOLS)
    return [part.call_id for part in parser.feed(text) + parser.finish() if isinstance(part, ToolCallStarted)]


def test_mistral_models_are_read_whichever_way_they_write() -> None:
    for render in (mistral, mistral_with_ids, mistral_array):
        for family in (Mistral(), MistralWithIds(), MistralArray()):
            assert taken_apart(family, render([PARIS])) == [PARIS_CALL]
    assert taken_apart(Mistral(), '[TOOL_CALLS] get_weather{"city": "Paris"}') == [PARIS_CALL]


def test_mistral_ids_are_nine_letters_and_digits() -> None:
    for text in (mistral([PARIS, SUM]), mistral_array([PARIS, SUM]), '[TOOL_CALLS]add[CALL_ID]x y[ARGS]{"a": 1}'):
        ids = ids_of(Mistral(), text)
        assert all(len(call_id) == 9 and call_id.isalnum() for call_id in ids)
        assert len(ids) == len(set(ids)) >= 1
    assert ids_of(Mistral(), mistral_with_ids([PARIS])) == ["aB3456789"]


def test_an_id_that_is_used_twice_is_given_once() -> None:
    first, second = ids_of(Mistral(), mistral_with_ids([PARIS, SUM]))
    assert first == "aB3456789" != second


def test_kimi_keeps_its_ids() -> None:
    assert ids_of(Kimi(), kimi_k2([PARIS, SUM])) == ["functions.get_weather:0", "functions.add:1"]
    bare = f'{kimi.CALL_BEGIN}get_weather{kimi.ARGUMENTS}{{"city": "Paris"}}'
    assert taken_apart(Kimi(), bare) == [PARIS_CALL]
    assert ids_of(Kimi(), bare)[0].startswith("call_")


def test_deepseek_is_read_whichever_way_it_writes() -> None:
    for render in (deepseek_v3, deepseek_v31):
        for family in (DeepSeek(), DeepSeekV31()):
            assert taken_apart(family, render([PARIS])) == [PARIS_CALL]
            unmarked = render([PARIS]).removeprefix(deepseek.CALLS_BEGIN).removesuffix(deepseek.CALLS_END)
            assert taken_apart(family, unmarked) == [PARIS_CALL]


def test_a_name_that_does_not_end_is_text() -> None:
    for family, start in ((Mistral(), "[TOOL_CALLS]"), (Kimi(), kimi.CALL_BEGIN), (DeepSeek(), deepseek.CALL_BEGIN)):
        text = start + "x" * 1000
        assert taken_apart(family, text[:300]) == [("content", text[:300])]
        parser = family.parser(TOOLS)
        assert parser.feed(text) != []
