"""A thousand malformed requests for the endpoints that generate, the same ones for the same seed.

Every one must be answered with a 4xx and OpenAI's error body, whoever sends it: `tests.test_rubbish` through Flask's
test client, or a player against a live server whose model is ready. It does not know how to send them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"

BASES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 1},
    COMPLETIONS: {"prompt": "Say hi.", "max_tokens": 1},
}
"""Bodies with nothing wrong in them."""


@dataclass(frozen=True)
class Rubbish:
    """One malformed request. A chunked one is sent in chunks of any size, others with their Content-Length."""

    name: str
    path: str
    body: bytes
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    """Besides those that frame the body; a Content-Length here replaces the true one."""
    is_chunked: bool = False
    statuses: frozenset[int] = frozenset({400})
    """Those that are right."""


def rubbish(seed: int = 0, count: int = 2000, max_body_bytes: int = 16_000_000) -> list[Rubbish]:
    """At least `count` malformed requests in a random order, for a server that accepts bodies of `max_body_bytes`."""
    rng = random.Random(seed)
    found = [*_wrong_values(), *_wrong_documents(), *_wrong_addresses(), *_oversized(max_body_bytes)]
    while len(found) < count:
        found.append(rng.choice(MUTATIONS)(rng))
    rng.shuffle(found)
    return [_dressed(rng, bad) for bad in found]


def flaw(bad: Rubbish, status: int, content_type: str, body: bytes) -> str | None:
    """What is wrong with an answer to `bad`; None if it is a proper error."""
    if status not in bad.statuses:
        return f"status {status} instead of {sorted(bad.statuses)}: {body[:200]!r}"
    if content_type.partition(";")[0] != "application/json":
        return f"content type {content_type!r}"
    try:
        error = json.loads(body)["error"]
        message, kind, param, code = (error[name] for name in ("message", "type", "param", "code"))
    except (ValueError, LookupError, TypeError):
        return f"no error object: {body[:200]!r}"
    is_proper = isinstance(message, str) and message and isinstance(kind, str)
    is_proper = is_proper and isinstance(param, str | None) and isinstance(code, str | None)
    return None if is_proper else f"an odd error object: {error!r}"


def _dressed(rng: random.Random, bad: Rubbish) -> Rubbish:
    """With a content type as clients send them, and sometimes in chunks."""
    kind = rng.choice(("application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", ""))
    headers = {"Content-Type": kind} if kind else {}
    is_chunked = bad.is_chunked or ("Content-Length" not in bad.headers and rng.random() < 0.2)
    return replace(bad, headers={**headers, **bad.headers}, is_chunked=is_chunked)


# --- values that a field does not take ------------------------------------------------------------------------------

NOT_A_NUMBER: tuple[Any, ...] = ("1", "", True, False, [], [1], {}, {"a": 1})
NOT_AN_INTEGER: tuple[Any, ...] = (*NOT_A_NUMBER, 0.5, 1.0, -1e300)
NOT_A_BOOLEAN: tuple[Any, ...] = ("true", "yes", "", 0, 1, 0.0, [], {})
NOT_A_STRING: tuple[Any, ...] = (0, 1.5, True, [], ["a"], {})
NOT_AN_ARRAY: tuple[Any, ...] = (0, 1.5, True, "x", {})
NOT_CONTENT: tuple[Any, ...] = (None, 0, True, [], {})
NOT_AN_OBJECT: tuple[Any, ...] = (0, 1.5, True, "{}", [], [{}])
HUGE = (10**30, -(10**30), 1e300, -1e300, 10**4000)
NOT_A_TOKEN_ID = ("a", "-1", "1.5", "", "9" * 50, "\u0661")
NOT_A_BIAS: tuple[Any, ...] = ("1", 101, -1e300, True, None, [])

GENERATION: dict[str, tuple[Any, ...]] = {
    "temperature": (*NOT_A_NUMBER, *HUGE, -0.001, 2.001),
    "top_p": (*NOT_A_NUMBER, *HUGE, -0.1, 1.1),
    "min_p": (*NOT_A_NUMBER, *HUGE, -0.1, 1.1),
    "typical_p": (*NOT_A_NUMBER, *HUGE, 0, -1, 2),
    "presence_penalty": (*NOT_A_NUMBER, *HUGE, -2.1, 2.1),
    "frequency_penalty": (*NOT_A_NUMBER, *HUGE, -2.1, 2.1),
    "repeat_penalty": (*NOT_A_NUMBER, *HUGE, 0, -1),
    "repetition_penalty": (*NOT_A_NUMBER, *HUGE, 0, -1),
    "top_k": (*NOT_AN_INTEGER, *HUGE, -2, 2**31),
    "seed": (*NOT_AN_INTEGER, *HUGE, 2**63, -(2**63) - 1),
    "max_tokens": (*NOT_AN_INTEGER, *HUGE, 0, -2, 2**31),
    "n": (*NOT_AN_INTEGER, *HUGE, 0, -1, 129),
    "stream": NOT_A_BOOLEAN,
    "ignore_eos": NOT_A_BOOLEAN,
    "stream_options": (*NOT_AN_OBJECT, {}, {"include_usage": True}),
    "model": NOT_A_STRING,
    "user": (*NOT_A_STRING, "u" * 10_000),
    "safety_identifier": NOT_A_STRING,
    "stop": (0, True, {}, "", [""], ["a", 1], [None], [["a"]], ["s"] * 1000, "s" * 100_000),
    "logit_bias": (*NOT_AN_OBJECT, *({key: 1} for key in NOT_A_TOKEN_ID), *({"1": bias} for bias in NOT_A_BIAS)),
}

NOT_A_MESSAGE: tuple[Any, ...] = (
    *(None, 0, "hi", [], {}, {"role": "user"}, {"content": "hi"}, {"role": "user", "x": 1}),
    *({"role": role, "content": "hi"} for role in (*NOT_A_STRING, None, "", "User", "robot", "r" * 100_000)),
    {"role": "user", "content": "hi", "name": 5},
    {"role": "assistant"},
    {"role": "assistant", "content": None, "tool_calls": []},
    {"role": "assistant", "function_call": {"name": "f"}},
    {"role": "tool", "content": "hi"},
    {"role": "tool", "content": "hi", "tool_call_id": 5},
    {"role": "function", "content": "hi"},
)
NOT_A_PART: tuple[Any, ...] = (
    *(None, 0, "hi", [], {}, {"type": "text"}, {"text": "hi"}, {"type": "text", "text": 1}, {"type": ["text"]}),
    {"type": "refusal", "refusal": "no"},
    {"type": "image_url", "image_url": {"url": "x"}},
    {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
    {"type": "file", "file": {"file_id": "x"}},
)
NOT_A_FUNCTION: tuple[Any, ...] = (
    *(
        None,
        "f",
        [],
        {},
        {"name": "f"},
        {"arguments": "{}"},
        {"name": "f", "arguments": {}},
        {"name": 5, "arguments": ""},
    ),
)
NOT_A_CALL: tuple[Any, ...] = (
    *(None, 0, "x", [], {}, {"id": "a"}, {"id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}),
    *({"id": "a", "function": function} for function in NOT_A_FUNCTION),
)

MESSAGES: tuple[Any, ...] = (
    *(0, 1.5, True, "hi", {}, {"role": "user", "content": "hi"}, None, []),
    *([{"role": "user", "content": "hi"}, message] for message in NOT_A_MESSAGE),
    *([{"role": "user", "content": content}] for content in NOT_CONTENT),
    *([{"role": "user", "content": [{"type": "text", "text": "hi"}, part]}] for part in NOT_A_PART),
    *([{"role": "assistant", "tool_calls": calls}] for calls in NOT_AN_ARRAY),
    *([{"role": "assistant", "tool_calls": [call]}] for call in NOT_A_CALL),
    [{"role": "user", "content": "hi"}] * 10_001,
)

PROMPTS: tuple[Any, ...] = (
    *(0, 1.5, True, {}, None, [], [[]], [None], [{}], [True], [1.5], [1, "a"], ["a", 1], [[1], "a"], ["a", []]),
    *([-1], [2**31], [[1], [-1]], [[1], [1.5]], [10**30], [[["a"]]], ["a"] * 2000, [[1]] * 2000),
)

FIELDS: dict[str, dict[str, tuple[Any, ...]]] = {
    CHAT: {
        **GENERATION,
        "messages": MESSAGES,
        "max_completion_tokens": (*NOT_AN_INTEGER, *HUGE, 0, -2),
        "logprobs": NOT_A_BOOLEAN,
        "top_logprobs": (*NOT_AN_INTEGER, *HUGE, -1, 21, 0, 20),
        "reasoning_effort": (*NOT_A_STRING, "", "utmost"),
        "chat_template_kwargs": NOT_AN_OBJECT,
        "tools": (0, "x", [{}], [{"type": "function", "function": {"name": 5}}]),
        "tool_choice": ("required", {"type": "function", "function": {"name": "f"}}, 5),
        "functions": ([{"name": 5}], 5),
        "function_call": ({"name": "f"}, 5),
        "response_format": (
            {"type": "json_schema"},
            {"type": "json_schema", "json_schema": {"schema": 5}},
            {},
            "text",
            5,
        ),
        "store": (True, 1, "true"),
        "audio": ({"voice": "a", "format": "wav"}, {}),
        "modalities": (["audio"], ["text", "audio"], [], "text"),
        "web_search_options": ({}, 5),
        "moderation": ({"model": "m"}, {}),
        "structured_outputs": ({"regex": 5}, {"regex": "a", "json_object": True}, {"choice": []}, [], "x"),
        "json_schema": ([], 5, True),
    },
    COMPLETIONS: {
        **GENERATION,
        "prompt": PROMPTS,
        "suffix": NOT_A_STRING,
        "echo": NOT_A_BOOLEAN,
        "logprobs": (*NOT_AN_INTEGER, *HUGE, -1, 21),
        "best_of": (0, -1, "1", True, [], 1.0),
        "grammar": (5, {}),
        "guided_regex": (5, []),
        "guided_choice": ([], [5], "a", {}),
    },
}


def _wrong_values() -> Iterator[Rubbish]:
    for path, fields in FIELDS.items():
        for name, values in fields.items():
            for value in values:
                yield Rubbish(f"{name} = {_brief(value)}", path, _dumped({**BASES[path], name: value}))
        unknown = {**BASES[path], "model": "no-such-model"}
        yield Rubbish("unknown model", path, _dumped(unknown), statuses=frozenset({404}))


def _brief(value: Any) -> str:
    return repr(value)[:80] if not isinstance(value, int) or value.bit_length() < 200 else "a huge integer"


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


# --- documents that are no JSON object ------------------------------------------------------------------------------


GOOD = json.dumps(BASES[CHAT])

DOCUMENTS: tuple[bytes, ...] = (
    *(b"", b" ", b"\r\n\t", b"null", b"true", b"0", b'"{}"', b"[]", b"[{}]", b"{}", b"{", b"}", b"{}{}", b"\0" * 100),
    *(GOOD.encode() * 2, GOOD.encode()[:-1] + b",}"),
    *(GOOD.encode(encoding) for encoding in ("utf-8-sig", "utf-16", "utf-32")),
    *(b"messages=hi&model=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n{}\r\n--x--", b"<xml/>"),
    *(opening * depth for opening in (b"[", b'{"a":') for depth in (65, 1000, 100_000)),
    *(b'{"x":' + b"[" * depth + b"]" * depth + b"}" for depth in (64, 900, 5000, 100_000)),
)


def _wrong_documents() -> Iterator[Rubbish]:
    for path in BASES:
        for document in DOCUMENTS:
            yield Rubbish(f"document {document[:40]!r}", path, document)


def _oversized(max_body_bytes: int) -> Iterator[Rubbish]:
    document = b'{"prompt":"' + b"a" * max_body_bytes + b'"}'
    too_large = Rubbish("", CHAT, document, statuses=frozenset({413}))
    for path in BASES:
        yield replace(too_large, name="too large", path=path)
        yield replace(too_large, name="too large, chunked", path=path, is_chunked=True)
    claim = {"Content-Length": str(10**12)}
    yield Rubbish("claims to be huge", CHAT, b"{}", headers=claim, statuses=frozenset({413}))


UNKNOWN_PATHS = (
    *("/v1", "/v1/chat", f"{CHAT}/x/y", f"/v2{CHAT}", f"{CHAT}%00", "/v1/%ff%fe", "/v1/" + "a" * 3000),
    *("/v1/engines/davinci/completions", "/v1/chat/completion", "/V1/completions", "/v1/completions;a", "/%2e%2e/etc"),
)


def _wrong_addresses() -> Iterator[Rubbish]:
    good = GOOD.encode()
    for path in UNKNOWN_PATHS:
        for method in ("POST", "GET", "DELETE"):
            yield Rubbish("unknown path", path, good, method, statuses=frozenset({404}))
    for path in BASES:
        for method in ("GET", "PUT", "PATCH", "DELETE", "PROPFIND"):
            yield Rubbish("wrong method", path, good, method, statuses=frozenset({405}))


# --- random mutations, each of which is malformed whatever the dice say ---------------------------------------------

RAW_VALUES = (
    *(
        "NaN",
        "-NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "9" * 5000,
        "-" + "9" * 100_000,
        "01",
        ".5",
        "1.",
        "+1",
    ),
    *('"\\ud800"', '"\\udc00"', '"a\\ud83d\\ud83d"', '"\\udc00\\ud800"', '["\\ud800x"]', '{"\\ud800":1}'),
    *('"\\u0000"', '"a\\u0000b"', '["\\u0000"]', '{"a\\u0000":1}', '"\\x41"', '"\\u12"', '"unterminated'),
    *("undefined", "True", "None", "nul", "'x'", "0x10", "[1,]", '{"a":1,}', "[1 2]", '{"a" 1}', "/**/1", "", "1,,"),
)


def _some_path(rng: random.Random) -> str:
    return rng.choice(tuple(BASES))


def _raw_value(rng: random.Random) -> Rubbish:
    """A value that is no JSON, or not acceptable as such, in any field, known or not."""
    path, raw = _some_path(rng), rng.choice(RAW_VALUES)
    name = rng.choice((*FIELDS[path], "metadata", "unknown_field"))
    others = {key: value for key, value in BASES[path].items() if key != name}
    body = _dumped(others)[:-1] + f', "{name}": {raw}}}'.encode()
    return Rubbish(f"{name} = {raw[:40]}", path, body)


def _truncated(rng: random.Random) -> Rubbish:
    path = _some_path(rng)
    body = _dumped(BASES[path])
    return Rubbish("truncated", path, body[: rng.randrange(len(body))])


def _invalid_bytes(rng: random.Random) -> Rubbish:
    path = _some_path(rng)
    body = _dumped(BASES[path])
    bad = rng.choice((b"\0", b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x01", b"\xe2\x82"))
    place = rng.randrange(len(body) + 1)
    return Rubbish(f"{bad!r} inside", path, body[:place] + bad + body[place:])


def _unbalanced(rng: random.Random) -> Rubbish:
    path = _some_path(rng)
    body = _dumped(BASES[path])
    place = rng.choice([place for place, byte in enumerate(body) if byte in b'{}[]":'])
    return Rubbish("unbalanced", path, body[:place] + body[place + 1 :])


def _garbage(rng: random.Random) -> Rubbish:
    length = rng.randrange(1, 2000)
    return Rubbish("garbage", _some_path(rng), b"\xff" + rng.randbytes(length))


def _deep(rng: random.Random) -> Rubbish:
    """Nesting beyond any use, in a field that would otherwise be tolerated."""
    path, depth = _some_path(rng), rng.randrange(64, 3000)
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")))
    name = rng.choice((b"metadata", b"unknown_field", b"chat_template_kwargs"))
    nested = opening * depth + b"1" + closing * depth
    return Rubbish("deep", path, _dumped(BASES[path])[:-1] + b', "' + name + b'": ' + nested + b"}")


def _several_wrong(rng: random.Random) -> Rubbish:
    """Several fields with values that they do not take, among fields that do not matter."""
    path = _some_path(rng)
    names = rng.sample(tuple(FIELDS[path]), rng.randrange(1, 5))
    wrong = {name: rng.choice(FIELDS[path][name]) for name in names if name not in ("stream_options", "top_logprobs")}
    wrong["temperature"] = rng.choice(FIELDS[path]["temperature"])
    extra = {f"extra_{index}": _junk(rng) for index in range(rng.randrange(5))}
    return Rubbish(f"wrong: {', '.join(wrong)}", path, _dumped({**extra, **BASES[path], **wrong}))


def _junk_field(rng: random.Random) -> Rubbish:
    """An array or object of anything where a number or switch belongs."""
    path = _some_path(rng)
    name = rng.choice(("temperature", "top_p", "top_k", "seed", "max_tokens", "n", "stream", "ignore_eos", "logprobs"))
    junk = rng.choice(([_junk(rng)], {"a": _junk(rng)}))
    return Rubbish(f"{name} = {_brief(junk)}", path, _dumped({**BASES[path], name: junk}))


def _junk(rng: random.Random, depth: int = 0) -> Any:
    """Any JSON value."""
    if depth < 4 and rng.random() < 0.4:
        items = [_junk(rng, depth + 1) for _ in range(rng.randrange(4))]
        return items if rng.random() < 0.5 else {str(index): item for index, item in enumerate(items)}
    return rng.choice((None, True, False, 0, -1, 0.5, 1e300, 10**20, "", "text", "\u20ac\U0001f600", "\ufffe\x7f"))


MUTATIONS: tuple[Callable[[random.Random], Rubbish], ...] = (
    _raw_value,
    _raw_value,
    _truncated,
    _invalid_bytes,
    _unbalanced,
    _garbage,
    _deep,
    _several_wrong,
    _junk_field,
)
