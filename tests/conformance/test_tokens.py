"""/tokenize, /detokenize and /apply-template with the demo model, as llama-server's users know them."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI

from tests.conformance.slow_client import RawStream
from tests.live_server import LiveServer

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why is the sky blue?"}]
PROMPT = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhy is the sky blue?<|im_end|>\n"
ANSWER = "<|im_start|>assistant\n"

IM_START = 1
TEXTS = ["", "Hello, world!", "naïve café 漢字 🙂\n\n  spaces\ttabs", "\u0301 combining", "<|im_start|>user"]


def ask(server: LiveServer, path: str, body: dict[str, Any]) -> Any:
    status, answer, _ = server.post(path, body)
    assert status == 200, answer
    (value,) = answer.values()
    return value


@pytest.mark.parametrize("content", TEXTS)
@pytest.mark.parametrize("parse_special", [True, False])
def test_a_text_survives_the_way_there_and_back(server: LiveServer, content: str, parse_special: bool) -> None:
    tokens = ask(server, "/tokenize", {"content": content, "parse_special": parse_special})
    assert all(isinstance(token, int) for token in tokens)
    assert ask(server, "/detokenize", {"tokens": tokens}) == content


def test_control_tokens_are_recognised_unless_that_is_turned_off(server: LiveServer) -> None:
    assert ask(server, "/tokenize", {"content": "<|im_start|>"}) == [IM_START]
    assert IM_START not in ask(server, "/tokenize", {"content": "<|im_start|>", "parse_special": False})


def test_pieces_are_texts_and_where_a_character_is_cut_bytes(server: LiveServer) -> None:
    body = {"content": "<|im_start|>a 漢🙂", "with_pieces": True}
    found = ask(server, "/tokenize", body)
    pieces = [each["piece"] for each in found]
    assert [each["id"] for each in found] == ask(server, "/tokenize", {**body, "with_pieces": False})
    assert pieces[:2] == ["<|im_start|>", "a"]
    assert any(isinstance(piece, list) for piece in pieces)
    written = b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in pieces)
    assert written.decode() == "<|im_start|>a 漢🙂"


def test_half_a_character_is_told_as_such(server: LiveServer) -> None:
    tokens = ask(server, "/tokenize", {"content": "🙂"})
    assert len(tokens) > 1
    assert ask(server, "/detokenize", {"tokens": tokens[:1]}) == "\ufffd"


def test_a_conversation_is_shown_as_the_model_would_see_it(server: LiveServer, client: OpenAI) -> None:
    prompt = ask(server, "/apply-template", {"messages": MESSAGES})
    assert prompt == PROMPT + ANSWER
    assert ask(server, "/apply-template", {"messages": MESSAGES, "add_generation_prompt": False}) == PROMPT
    tokens = ask(server, "/tokenize", {"content": prompt})
    completion = client.chat.completions.create(model="SmolLM2-135M-Instruct", messages=MESSAGES, max_tokens=1)  # type: ignore[arg-type]
    assert completion.usage
    assert completion.usage.prompt_tokens == len(tokens)


def test_tools_are_in_the_prompt_unless_they_must_not_be_used(server: LiveServer) -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    body = {"messages": MESSAGES, "tools": [tool]}
    assert "get_weather" in ask(server, "/apply-template", body)
    assert ask(server, "/apply-template", {**body, "tool_choice": "none"}) == PROMPT + ANSWER


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/tokenize", {}, "content"),
        ("/tokenize", {"content": 5}, "content"),
        ("/tokenize", {"content": "\ud800"}, "content"),
        ("/detokenize", {"tokens": [0, 49_152]}, "tokens"),
        ("/detokenize", {"tokens": [-1]}, "tokens"),
        ("/detokenize", {"tokens": [0, "a"]}, "tokens[1]"),
        ("/apply-template", {"messages": []}, "messages"),
        ("/apply-template", {"messages": MESSAGES, "tools": [5]}, "tools[0]"),
    ],
    ids=str,
)
def test_bad_input_is_refused_by_name(server: LiveServer, path: str, body: object, param: str) -> None:
    status, answer, _ = server.post(path, body)
    assert status == 400, answer
    assert answer["error"]["param"] == param


def test_an_unknown_model_is_not_found(server: LiveServer) -> None:
    for path, body in (("/tokenize", {"content": ""}), ("/detokenize", {"tokens": []})):
        status, answer, _ = server.post(path, {**body, "model": "nothing"})
        assert (status, answer["error"]["code"]) == (404, "model_not_found")


def test_a_client_that_leaves_is_nobodys_trouble(server: LiveServer) -> None:
    with RawStream(server, {"content": "word " * 99_000, "with_pieces": True}, "/tokenize"):
        pass
    assert ask(server, "/tokenize", {"content": "Hello"})
    assert "Traceback" not in server.log
