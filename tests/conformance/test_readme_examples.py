"""What README.md and CONTRIBUTING.md ask the reader to paste works as it stands there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.live_server import CHECKOUT, LiveServer
from tests.readme import CONTRIBUTING, README, code_blocks

ADDRESS = "http://127.0.0.1:8000"
CURL_LINES = [block for block in code_blocks(README, "sh") if block.startswith("curl ")]


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


def test_the_first_curl_line_gets_an_answer(server: LiveServer) -> None:
    answer = json.loads(run_curl(CURL_LINES[0], server))
    assert "scattering" in answer["choices"][0]["message"]["content"]


def test_the_streaming_curl_line_gets_a_stream(server: LiveServer) -> None:
    events = run_curl(CURL_LINES[1], server).split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert json.loads(events[-3].removeprefix("data: "))["usage"]["completion_tokens"] > 0


def test_the_openai_snippets_get_answers_whole_and_streamed(server: LiveServer) -> None:
    whole, streamed = code_blocks(README, "python")
    assert ADDRESS in whole
    program = f"{whole}\nprint('---')\n{streamed}".replace(ADDRESS, server.origin)
    first, _, second = run([sys.executable, "-c", program]).partition("---\n")
    quoted = " ".join(README.read_text().partition('The demo model says: "')[2].partition('"')[0].split())
    assert first.startswith(quoted)
    assert second.strip()


def test_the_snippet_for_a_live_server_works() -> None:
    (snippet,) = code_blocks(CONTRIBUTING, "python")
    run([sys.executable, "-c", snippet])
