"""Structured output through the official client: what is accepted comes back as demanded, and the rest is refused."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Any, Literal

import pytest
from openai import BadRequestError, LengthFinishReasonError, OpenAI
from pydantic import BaseModel, Field

MODEL = "SmolLM2-135M-Instruct"
MESSAGES: Any = [{"role": "user", "content": "Describe a city of your choice."}]
WILD: dict[str, Any] = {"temperature": 2.0, "extra_body": {"top_k": 0, "min_p": 0}}


class Kind(Enum):
    BIG = "big"
    SMALL = "small \u00e9\u4e16"


class District(BaseModel):
    name: str = Field(pattern=r"^[A-Z][a-z]{1,12}$")


class City(BaseModel):
    name: str = Field(max_length=20)
    kind: Kind
    people: int = Field(ge=1, le=40_000_000)
    area: float = Field(gt=0, lt=10_000)
    unit: Literal["km2", "mi2"]
    districts: list[District] = Field(min_length=1, max_length=2)
    twin: District | int | None


@pytest.mark.parametrize("seed", range(2))
def test_parse_gives_a_model_of_pydantic_even_at_the_highest_temperature(client: OpenAI, seed: int) -> None:
    completion = client.chat.completions.parse(
        model=MODEL, messages=MESSAGES, response_format=City, max_tokens=500, seed=seed, **WILD
    )
    (choice,) = completion.choices
    assert choice.finish_reason == "stop"
    assert isinstance(choice.message.parsed, City)


def test_a_stream_is_parsed_too(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=MESSAGES, response_format=City, max_tokens=500, seed=1
    ) as stream:
        completion = stream.get_final_completion()
    assert isinstance(completion.choices[0].message.parsed, City)


def test_max_tokens_cuts_it_short_and_says_so(client: OpenAI) -> None:
    with pytest.raises(LengthFinishReasonError):
        client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=City, max_tokens=5)


@pytest.mark.parametrize("strict", [True, False, None])
def test_a_schema_is_kept_to_whether_strict_or_not(client: OpenAI, strict: bool | None) -> None:
    schema = {"type": "object", "properties": {"a": {"const": 5}}, "required": ["a"], "additionalProperties": False}
    response_format: Any = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": strict}}
    completion = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, response_format=response_format, n=2, max_tokens=200, **WILD
    )
    assert [json.loads(choice.message.content or "") for choice in completion.choices] == [{"a": 5}] * 2


INNER: dict[str, Any] = {"type": "object", "properties": {"b": {"type": "boolean"}}}
OUTER: dict[str, Any] = {"type": "object", "properties": {"a": INNER}, "required": ["a"]}


def test_an_object_has_no_other_members_than_those_that_are_listed(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, n=4, max_tokens=100, **{**WILD, **schema_format(OUTER)}
    )
    for choice in completion.choices:
        assert choice.finish_reason == "stop"
        assert json.loads(choice.message.content or "") in ({"a": {}}, {"a": {"b": True}}, {"a": {"b": False}})


def test_an_object_that_is_said_to_be_open_is(client: OpenAI) -> None:
    schema = {**OUTER, "additionalProperties": {"type": "null"}, "minProperties": 1, "required": ["other"]}
    completion = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=200, temperature=0, **schema_format(schema)
    )
    if completion.choices[0].finish_reason == "stop":
        assert json.loads(completion.choices[0].message.content or "")["other"] is None


def test_descriptions_count_nothing(client: OpenAI) -> None:
    schema = {**OUTER, "description": "words " * 60_000, "properties": {"a": {**INNER, "default": "x" * 100_000}}}
    completion = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=100, temperature=0, **schema_format(schema)
    )
    assert json.loads(completion.choices[0].message.content or "").keys() == {"a"}


def test_json_object_is_an_object(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Answer in JSON: the capital of France."}],
        response_format={"type": "json_object"},
        max_tokens=30,
        temperature=0,
    )
    content = completion.choices[0].message.content or ""
    assert content.startswith("{")
    if completion.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(content), dict)


NUMBER = {"type": "integer", "minimum": 10, "maximum": 99}


@pytest.mark.parametrize(
    ("extra", "pattern"),
    [
        ({"grammar": 'root ::= "yes" | "no"'}, "yes|no"),
        ({"grammar": 'start: "yes" | NO\nNO: /no{1,3}/'}, "yes|no{1,3}"),
        ({"json_schema": NUMBER}, "[1-9][0-9]"),
        ({"guided_json": NUMBER}, "[1-9][0-9]"),
        ({"guided_json": json.dumps(NUMBER)}, "[1-9][0-9]"),
        ({"guided_regex": "(ab|c){2,3}!"}, "(ab|c){2,3}!"),
        ({"guided_choice": ["\u00e9\n", 'the "other"\\']}, '\u00e9\n|the "other"\\\\'),
        ({"guided_grammar": 'root ::= [x-z]{3} " " [0-9]'}, "[x-z]{3} [0-9]"),
        ({"structured_outputs": {"json": NUMBER}}, "[1-9][0-9]"),
        ({"structured_outputs": {"regex": "a{3}b?"}}, "a{3}b?"),
        ({"structured_outputs": {"choice": ["left", "right"]}}, "left|right"),
        ({"structured_outputs": {"grammar": 'start: "l" "r"'}}, "lr"),
        ({"response_format": {"type": "json_object", "schema": NUMBER}}, "[1-9][0-9]"),
        ({"response_format": {"type": "json_schema", "schema": NUMBER}}, "[1-9][0-9]"),
    ],
    ids=str,
)
def test_llama_servers_and_vllms_names(client: OpenAI, extra: dict[str, Any], pattern: str) -> None:
    wild: dict[str, Any] = {"temperature": 2.0, "max_tokens": 50, "extra_body": {"top_k": 0, "min_p": 0, **extra}}
    chat = client.chat.completions.create(model=MODEL, messages=MESSAGES, **wild)
    text = client.completions.create(model=MODEL, prompt="Hello", **wild)
    wild["max_output_tokens"] = wild.pop("max_tokens")
    response = client.responses.create(model=MODEL, input=MESSAGES, **wild)
    assert re.fullmatch(pattern, chat.choices[0].message.content or "")
    if "response_format" not in extra:
        assert re.fullmatch(pattern, response.output_text)
    assert re.fullmatch(pattern, text.choices[0].text)


def test_a_gbnf_grammar_cannot_stand_beside_tools(client: OpenAI) -> None:
    function = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    extra: Any = {"grammar": 'root ::= "yes"'}
    tools: Any = [{"type": "function", "function": function}]
    flat: Any = [{"type": "function", **function}]
    with pytest.raises(BadRequestError, match="as Lark") as refused:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=tools, extra_body=extra)
    assert refused.value.param == "grammar"
    with pytest.raises(BadRequestError, match="as Lark") as refused:
        client.responses.create(model=MODEL, input=MESSAGES, tools=flat, extra_body=extra)
    assert refused.value.param == "grammar"


def schema_format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}


PLACE = "response_format.json_schema.schema"


@pytest.mark.parametrize(
    ("extra", "param", "says"),
    [
        (schema_format({"properties": {"a": {"not": {}}}}), f"{PLACE}.properties.a.not", "'not'"),
        (schema_format({"anyOf": [{}, {"uniqueItems": True}]}), f"{PLACE}.anyOf[1].uniqueItems", "uniqueItems"),
        (schema_format({"type": "string", "format": "regex"}), f"{PLACE}.format", "'regex'"),
        (schema_format({"type": "string", "pattern": "a(?=b)"}), f"{PLACE}.pattern", "looking ahead"),
        (schema_format({"$ref": "https://example.org/schema"}), f"{PLACE}.$ref", "within the schema"),
        (schema_format({"items": {"$ref": "#/$defs/a"}}), f"{PLACE}.items.$ref", "nothing in the schema"),
        (schema_format({"items": {"type": "strin"}}), f"{PLACE}.items.type", "no type 'strin'"),
        (schema_format({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}), f"{PLACE}.$ref", "ever ends"),
        (schema_format({"properties": {"a": {"const": "\U00040000"}}}), PLACE, "U+40000, which $.properties.a.const"),
        ({"guided_choice": ["a", "\U00040000"]}, "guided_choice", "U+40000"),
        ({"guided_json": '{"type": '}, "guided_json", "string"),
        ({"guided_json": '{"items":' * 70 + "{}" + "}" * 70}, "guided_json", "64"),
        (schema_format({"type": "array", "prefixItems": [{}], "x-guidance": {"lenient": True}}), None, "x-guidance"),
        ({"guided_regex": "(a"}, "guided_regex", "unclosed"),
        ({"guided_regex": "a?" * 60_000}, "guided_regex", "compiling it takes more than"),
        ({"grammar": "start: " + "|".join(f'"{number}"' for number in range(3000))}, "grammar", "3001 items"),
        ({"guided_regex": "(.*a.{12}b|.*c.*d|.*e.*f|.*g.*h|.*i.*j|.*k.*l)+"}, "guided_regex", "followed"),
        ({"grammar": "start: nothing"}, "grammar", "nothing"),
        ({"guided_regex": "a", "grammar": 'start: "a"'}, "guided_regex", "'grammar'"),
        ({"guided_choice": []}, "guided_choice", "empty"),
        ({"structured_outputs": {"regex": "a", "json_object": True}}, "structured_outputs", "regex and json_object"),
        ({"structured_outputs": {"structural_tag": "{}"}}, "structured_outputs.structural_tag", "not supported"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "xml"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "required"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    client: OpenAI, extra: dict[str, Any], param: str | None, says: str
) -> None:
    with pytest.raises(BadRequestError, match=re.escape(says)) as refused:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, extra_body=extra)
    assert refused.value.param == (param or f"{PLACE}.x-guidance")


@pytest.mark.parametrize(
    ("response_format", "missing"),
    [
        ({"type": "json_schema"}, "json_schema"),
        ({"type": "json_schema", "json_schema": None}, "json_schema"),
        ({"type": "json_schema", "json_schema": {"schema": NUMBER}}, "json_schema.name"),
        ({"type": "json_schema", "json_schema": {"name": None, "schema": NUMBER}}, "json_schema.name"),
        ({"type": "json_schema", "json_schema": {"name": "n"}}, "json_schema.schema"),
        ({"type": "json_schema", "json_schema": {"name": "n", "shema": NUMBER}}, "json_schema.schema"),
        ({"type": "json_schema", "schema": None}, "schema"),
    ],
    ids=str,
)
def test_a_format_without_its_name_or_schema_is_refused(client: OpenAI, response_format: Any, missing: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, response_format=response_format)
    assert (refused.value.param, refused.value.code) == (f"response_format.{missing}", "missing_required_parameter")


UNMEETABLE: dict[str, Any] = {"type": "object", "properties": {"a": {"allOf": [{"type": "string"}, {"type": "null"}]}}}
UNMEETABLE["required"] = ["a"]


def test_a_schema_that_nothing_meets_is_refused_in_the_words_of_schemas(client: OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": UNMEETABLE}}
    for options, param, code in (
        (schema_format(UNMEETABLE), PLACE, "invalid_json_schema"),
        ({"tools": [tool], "tool_choice": "required"}, "tools", "invalid_function_parameters"),
    ):
        with pytest.raises(BadRequestError, match="unsatisfiable") as refused:
            client.chat.completions.create(model=MODEL, messages=MESSAGES, **options)
        assert (refused.value.param, refused.value.code) == (param, code)
        assert not re.search(r"start:|%json|\d\(\d+\)|x-guidance|compile", refused.value.message)


SLOW = {"type": "string", "allOf": [{"pattern": f"x{number}.*y"} for number in range(8)]}


def test_a_slow_schema_is_refused_while_others_go_on(client: OpenAI) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        client.chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=60, stream=True, extra_body={"ignore_eos": True}
        ) as stream,
    ):
        next(stream)
        slow = pool.submit(
            client.chat.completions.create, model=MODEL, messages=MESSAGES, extra_body=schema_format(SLOW)
        )
        assert sum(1 for chunk in stream if chunk.choices and chunk.choices[0].delta.content) > 40
        with pytest.raises(BadRequestError):
            slow.result()
