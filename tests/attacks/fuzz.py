"""Requests that nearly are what clients send: a valid one of each endpoint, with a few values changed at random."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

USER = {"role": "user", "content": "Hello"}
TOOL_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": TOOL_PARAMETERS}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"enum": ["yes", "no"]}}}

BODIES: dict[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": [
        {
            "messages": [{"role": "system", "content": "Be brief."}, USER],
            "max_tokens": 2,
            "temperature": 0.5,
            "seed": 1,
        },
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "max_tokens": 2, "n": 2},
        {"messages": [USER], "max_tokens": 2, "stream": True, "stream_options": {"include_usage": True}},
        {"messages": [USER], "max_tokens": 2, "tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": True},
        {
            "messages": [
                USER,
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
            ],
            "max_tokens": 2,
        },
        {"messages": [USER], "max_tokens": 8, "response_format": SCHEMA, "logprobs": True, "top_logprobs": 2},
        {"messages": [USER], "max_tokens": 2, "stop": ["\n"], "logit_bias": {"5": -10}, "top_k": 5, "min_p": 0.1},
    ],
    "/v1/completions": [
        {"prompt": "Once upon", "max_tokens": 2, "n": 2, "best_of": 2, "echo": True, "logprobs": 1},
        {"prompt": ["a", "b"], "max_tokens": 2, "stream": True, "suffix": None, "stop": "x"},
        {"prompt": [1, 2, 3], "max_tokens": 2, "dry_multiplier": 0.8, "xtc_probability": 0.5},
    ],
    "/v1/responses": [
        {"input": "Hello", "max_output_tokens": 16, "instructions": "Be brief.", "metadata": {"a": "b"}},
        {"input": [{**USER, "type": "message"}], "max_output_tokens": 16, "stream": True, "store": False},
        {"input": "Hello", "max_output_tokens": 16, "text": {"format": {"type": "text"}}, "truncation": "auto"},
        {"input": "Hello", "max_output_tokens": 16, "background": True, "reasoning": {"effort": "low"}},
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "1"}], "max_output_tokens": 16},
    ],
    "/v1/responses/compact": [{"input": [{**USER, "type": "message"}]}],
    "/v1/responses/input_tokens": [{"input": "Hello", "instructions": "Be brief."}],
    "/v1/conversations": [
        {"items": [{**USER, "type": "message"}], "metadata": {"topic": "demo"}},
        {"instructions": "Be brief.", "defaults": {"seed": 1, "reasoning": {"effort": "low"}}, "pinned": True},
    ],
    "/v1/prompts": [{"name": "greet", "text": "Hello {{name}}"}],
    "/v1/embeddings": [{"input": ["a", "b"], "encoding_format": "float"}],
    "/v1/models/nothing/load": [{"device": "cpu"}],
    "/v1/models/nothing/unload": [{"force": True}],
    "/v1/models/load": [{"model": "nothing"}],
    "/tokenize": [{"content": "Hello", "add_special": True, "with_pieces": True}],
    "/detokenize": [{"tokens": [1, 2, 3]}],
}
READS = (
    "/v1/models",
    "/v1/models/{}",
    "/v1/status",
    "/v1/conversations",
    "/v1/conversations/search",
    "/v1/conversations/{}",
    "/v1/conversations/{}/items",
    "/v1/conversations/{}/items/{}",
    "/v1/responses/{}",
    "/v1/responses/{}/input_items",
    "/v1/prompts/{}",
    "/v1/prompts/{}/versions",
    "/{}",
)
NAMES = ("conv_1", "resp_1", "msg_1", "", " ", "..", "%00", "\u00e9", "a" * 300, "null", "-1", "' OR 1=1 --")
QUERIES = ("", "limit={}", "after={}", "order={}", "include[]={}", "stream={}", "starting_after={}", "limit=5&limit={}")
SEARCHES = ("query={}", "query=x&after={}&order=rank", "roots={}", "root={}&forked_from={}", "pinned={}&family={}")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2.5, 2**31, 2**63, -(2**63), 2**64, 1e308, 1e-320),
    *("", " ", "a", "auto", "none", "required", "x" * 5000, "\ud7ff\u0301", "<|im_end|>", "{}", "\\", "\n" * 50),
    *([], {}, [[]], [None], {"": None}, {"type": "text"}, [[[[[[[[1]]]]]]]], ["a"] * 100, {"a": {"b": {"c": []}}}),
)


@dataclass(frozen=True)
class FuzzedRequest:
    method: str
    path: str
    body: bytes | None


def fuzzed(rng: random.Random) -> FuzzedRequest:
    """One request."""
    if rng.random() < 0.2:
        return _read(rng)
    path = rng.choice(list(BODIES))
    body = copy.deepcopy(rng.choice(BODIES[path]))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change(body, rng)
    return FuzzedRequest("POST", path, json.dumps(body).encode())


def _read(rng: random.Random) -> FuzzedRequest:
    pattern, query = rng.choice(READS), rng.choice(QUERIES + SEARCHES)
    names = [quote(rng.choice(NAMES), safe="%") for _ in range(pattern.count("{}"))]
    return FuzzedRequest(
        rng.choice(("GET", "GET", "DELETE", "PUT")),
        f"{pattern.format(*names)}?{query.replace('{}', quote(rng.choice(NAMES), safe='%'))}",
        None,
    )


def _change(value: Any, rng: random.Random) -> None:
    """Change something in an object or an array, at any depth."""
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not places:
        return
    place = rng.choice(places)
    if isinstance(value[place], (dict, list)) and value[place] and rng.random() < 0.7:
        _change(value[place], rng)
    elif rng.random() < 0.15:
        del value[place]
    elif isinstance(value, dict) and rng.random() < 0.1:
        value[rng.choice(NAMES)] = rng.choice(VALUES)
    else:
        value[place] = copy.deepcopy(rng.choice(VALUES))
