"""What README.md and CONTRIBUTING.md ask the reader to paste works as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live_server import CHECKOUT, LiveServer
from tests.readme import CONTRIBUTING, README, code_blocks

WHOLE, STREAMED, TALK, STORY, FORK, STRUCTURE, TOOLS = code_blocks(README, "python")
ADDRESS = "http://127.0.0.1:8000"
PARLEY = ".venv/bin/parley "
SEPARATOR = "---8<---"
CURL_LINES = [block for block in code_blocks(README, "sh") if block.startswith("curl ") and "tokenize" not in block]
(HELPERS,) = (block for block in code_blocks(README, "sh") if "tokenize" in block)


def run(command: list[str]) -> str:
    """What a command prints; it must succeed."""
    outcome = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def run_curl(line: str, server: LiveServer) -> str:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    assert ADDRESS in line
    return run(["sh", "-c", line.replace("curl", "curl --silent --show-error", 1).replace(ADDRESS, server.origin)])


def run_python(server: LiveServer, *blocks: str) -> list[str]:
    """What each of the blocks prints, which are one program."""
    assert ADDRESS in blocks[0]
    program = f"\nprint({SEPARATOR!r})\n".join(blocks).replace(ADDRESS, server.origin)
    return run([sys.executable, "-c", program]).split(f"{SEPARATOR}\n")


def test_the_first_curl_line_gets_an_answer(server: LiveServer) -> None:
    answer = json.loads(run_curl(CURL_LINES[0], server))
    assert "scattering" in answer["choices"][0]["message"]["content"]


def test_the_streaming_curl_line_gets_a_stream(server: LiveServer) -> None:
    events = run_curl(CURL_LINES[1], server).split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert json.loads(events[-3].removeprefix("data: "))["usage"]["completion_tokens"] > 0


def test_the_lines_about_tokens_and_prompts_are_answered(server: LiveServer) -> None:
    tokens, text, prompt = (json.loads(run_curl(line, server)) for line in HELPERS.splitlines())
    assert "".join(str(each["piece"]) for each in tokens["tokens"]).startswith("Hello ")
    assert text == {"content": "Hello"}
    assert prompt["prompt"].endswith("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")


def test_the_structured_snippet_gets_an_object(server: LiveServer) -> None:
    assert run_python(server, WHOLE, STRUCTURE)[1].startswith("name='")


def test_the_tool_snippet_gets_a_call(server: LiveServer) -> None:
    assert "name='get_weather'" in run_python(server, WHOLE, TOOLS)[1]


def test_the_openai_snippets_get_answers_whole_and_streamed(server: LiveServer) -> None:
    first, second = run_python(server, WHOLE, STREAMED)
    quoted = re.search(r'The demo model\'s answer begins "(.+?)"', README.read_text(), re.DOTALL)
    assert quoted is not None
    assert first.startswith(" ".join(quoted[1].split()))
    assert second.strip()


def test_the_snippets_on_conversations_keep_list_follow_and_fork(server: LiveServer) -> None:
    _, talk, story, fork = run_python(server, WHOLE, TALK, STORY, FORK)
    assert re.findall(r"^user: (.+)$", talk, re.MULTILINE) == re.findall(r'"([^"]+\?)"', TALK)
    assert talk.count("assistant: ") == 2
    assert story.strip()
    listed = json.loads(run_curl(CURL_LINES[2], server))["data"]
    assert fork.strip() in [conversation["id"] for conversation in listed]
    assert len(listed) == 2


def test_the_commands_for_users_and_databases_work_one_after_another(tmp_path: Path) -> None:
    lines = [line for block in code_blocks(README, "sh") if block.startswith(PARLEY) for line in block.splitlines()]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    environ |= {"PARLEY_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(CHECKOUT)}

    def run_parley(*arguments: str) -> str:
        command = [sys.executable, "-m", "server.cli.commands", *arguments]
        outcome = subprocess.run(
            command, cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stdout

    for line in lines:
        arguments = shlex.split(line.removeprefix(PARLEY), comments=True)
        if "KEY_ID" in arguments:
            [key] = json.loads(run_parley("keys", "list", "--json"))
            arguments[arguments.index("KEY_ID")] = key["id"]
        if arguments != ["db", "shell"] or shutil.which("sqlite3"):
            run_parley(*arguments)
    assert (tmp_path / "copy.db").exists()


def test_the_snippet_for_a_live_server_works() -> None:
    (snippet,) = code_blocks(CONTRIBUTING, "python")
    run([sys.executable, "-c", snippet])
