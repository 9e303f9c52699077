"""Logprobs of both completions endpoints, joined piece by piece, are the JSON that the whole would be."""

from __future__ import annotations

import msgspec

from server.api.chat_completions.logprobs import JoinedLogprobs
from server.api.completions.logprobs import ChoiceLogprobs, JoinedColumns, ScoredPrompt
from server.protocol.values import TokenLogprob

EURO = "\N{EURO SIGN}".encode()
TOKENS = [
    TokenLogprob(1, b'"a', -0.5, [(1, b'"a', -0.5), (2, EURO[:1], -1.0), (3, EURO[:2], -2.0)]),
    TokenLogprob(3, EURO[:2], -4.0, [(1, b"a", -0.5)]),
    TokenLogprob(4, EURO[2:], -0.25, []),
]


def test_chat_logprobs_have_text_and_bytes_of_every_token() -> None:
    joined = JoinedLogprobs(TOKENS[:1])
    joined.extend([])
    joined.extend(TOKENS[1:])
    decoded = msgspec.json.decode(msgspec.json.encode({"logprobs": joined.as_json()}))["logprobs"]
    assert decoded["refusal"] is None
    assert [(row["token"], row["logprob"], bytes(row["bytes"])) for row in decoded["content"]] == [
        (token.token_bytes.decode(errors="replace"), token.logprob, token.token_bytes) for token in TOKENS
    ]
    assert [len(row["top_logprobs"]) for row in decoded["content"]] == [3, 1, 0]
    assert decoded["content"][0]["top_logprobs"][2] == {"token": "\ufffd", "logprob": -2.0, "bytes": list(EURO[:2])}


def test_without_tokens_there_are_no_logprobs() -> None:
    assert JoinedLogprobs().as_json() is None
    assert JoinedColumns().as_json() is None


def test_columns_of_a_completion_have_a_row_for_each_token() -> None:
    follower, joined = ChoiceLogprobs("echo", 2), JoinedColumns()
    assert follower.first() is None
    for token in TOKENS:
        joined.extend(follower.columns([token]))
    decoded = msgspec.json.decode(msgspec.json.encode(joined.as_json()))
    assert decoded["tokens"] == ['"a', "\ufffd", "\ufffd"]
    assert decoded["token_logprobs"] == [-0.5, -4.0, -0.25]
    assert decoded["text_offset"] == [4, 6, 6]
    # Of two tokens that read the same, the likelier counts; the chosen token is always there.
    assert decoded["top_logprobs"] == [{'"a': -0.5, "\ufffd": -1.0}, {"a": -0.5, "\ufffd": -4.0}, {"\ufffd": -0.25}]


def test_offsets_are_those_of_the_text_however_its_characters_are_split() -> None:
    for text in (f"a{EURO.decode()}b", "\N{SMILING FACE WITH SMILING EYES}x"):
        tokens = [TokenLogprob(1, bytes([byte]), -1.0, []) for byte in text.encode()]
        expected = [at for at, character in enumerate(text) for _ in character.encode()]
        assert ChoiceLogprobs("", 0).columns(tokens)["text_offset"] == expected
    broken = [TokenLogprob(1, piece, -1.0, []) for piece in (EURO[:1], b"a", b"b")]
    offsets = ChoiceLogprobs("", 0).columns(broken)["text_offset"]
    assert offsets is not None
    assert offsets[-1] == "\ufffdab".index("b")


def test_without_top_logprobs_that_column_is_null() -> None:
    joined = JoinedColumns()
    joined.extend(ChoiceLogprobs("", 0).columns(TOKENS))
    assert msgspec.json.decode(msgspec.json.encode(joined.as_json()))["top_logprobs"] is None


def test_a_scored_prompt_begins_with_a_row_without_logprob_and_ends_where_the_echo_does() -> None:
    follower = ChoiceLogprobs("<s>ab", 1, ScoredPrompt(3, b""))
    assert follower.first() == {"tokens": [""], "token_logprobs": [None], "top_logprobs": [None], "text_offset": [0]}
    prompt = [TokenLogprob(5, b"a", -1.0, []), TokenLogprob(6, b"b", -1.0, [])]
    assert follower.columns(prompt)["text_offset"] == [0, 1]
    assert follower.columns(TOKENS[:2])["text_offset"] == [5, 7]
