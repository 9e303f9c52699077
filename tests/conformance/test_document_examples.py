"""What README.md, CONTRIBUTING.md and docs/ ask the reader to paste works as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Thread

import click
import pytest

from scripts.benchmarks.__main__ import main as bench
from server.models.source import demo_model_path
from tests.documents import (
    API,
    CONTRIBUTING,
    CONVERSATIONS,
    DOCUMENTS,
    GENERATION,
    MODELS,
    OPERATIONS,
    README,
    code_blocks,
    languages,
)
from tests.live_server import CHECKOUT, LiveServer, wait_until

WHOLE, STREAMED, STRUCTURE, TALK, STORY = code_blocks(README, "python")
FORK, PROMPT = code_blocks(CONVERSATIONS, "python")
(TOOLS,) = code_blocks(GENERATION, "python")
(LIVE_SERVER,) = code_blocks(CONTRIBUTING, "python")

SHELL = [block for document in DOCUMENTS for block in code_blocks(document, "sh")]
CURL, PARLEY, ENGINE = "curl ", ".venv/bin/parley ", "(echo "
TOOLS_OF_THE_CHECKOUT = ("scripts/", ".ci/")

ADDRESS = "http://127.0.0.1:8000"
SEPARATOR = "---8<---"


def curl_block(document: Path) -> str:
    """The one block of curl lines in a document."""
    (block,) = (block for block in code_blocks(document, "sh") if block.startswith(CURL))
    return block


ASK, STREAM, HELPERS, READY = map(curl_block, (README, API, GENERATION, OPERATIONS))
LIST, ROOTS, SEARCH, SETTINGS = code_blocks(CONVERSATIONS, "sh")
UNLOAD_AND_LOAD = curl_block(MODELS)
DEMO_MODEL = "SmolLM2-135M-Instruct"


# --- nothing is left out --------------------------------------------------------------------------------------------


def test_every_block_has_a_language_that_tests_read() -> None:
    """TOML and systemd's units are held in tests/test_documents.py; what has no language is a drawing."""
    assert set().union(*map(languages, DOCUMENTS)) == {"", "sh", "python", "toml", "ini"}


def test_every_python_block_is_run_here() -> None:
    run_here = [WHOLE, STREAMED, TALK, STORY, FORK, PROMPT, STRUCTURE, TOOLS, LIVE_SERVER]
    assert sorted(block for document in DOCUMENTS for block in code_blocks(document, "python")) == sorted(run_here)


def test_every_curl_line_is_run_here() -> None:
    run_here = [ASK, STREAM, LIST, ROOTS, SEARCH, SETTINGS, HELPERS, READY, UNLOAD_AND_LOAD]
    assert sorted(block for block in SHELL if CURL in block) == sorted(run_here)


def test_every_other_shell_line_calls_what_tests_know() -> None:
    blocks = [block for block in SHELL if not block.startswith((CURL, ENGINE))]
    lines = [line for block in blocks for line in block.splitlines()]
    assert [line for line in lines if not line.startswith((PARLEY, *TOOLS_OF_THE_CHECKOUT))] == []


# --- curl and Python ------------------------------------------------------------------------------------------------


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
    answer = json.loads(run_curl(ASK, server))
    assert "scattering" in answer["choices"][0]["message"]["content"]


def test_the_lines_that_unload_and_load_do() -> None:
    unload, load = UNLOAD_AND_LOAD.splitlines()
    with LiveServer(slots=1, n_ctx=256) as server:
        assert json.loads(run_curl(unload, server))["state"] == "unloading"
        assert json.loads(run_curl(load, server))["state"] in ("unloading", "loading")
        wait_until(lambda: server.get("/health")[0] == 200, "the model")


def test_the_streaming_curl_line_gets_a_stream(server: LiveServer) -> None:
    events = run_curl(STREAM, server).split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert json.loads(events[-3].removeprefix("data: "))["usage"]["completion_tokens"] > 0


def test_the_lines_about_tokens_and_prompts_are_answered(server: LiveServer) -> None:
    tokens, text, prompt = (json.loads(run_curl(line, server)) for line in HELPERS.splitlines())
    assert "".join(str(each["piece"]) for each in tokens["tokens"]).startswith("Hello ")
    assert text == {"content": "Hello"}
    assert prompt["prompt"].endswith("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")


def test_the_line_about_health_says_that_the_model_is_ready(server: LiveServer) -> None:
    assert json.loads(run_curl(READY, server))["status"] == "ready"


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
    listed = json.loads(run_curl(LIST, server))["data"]
    assert fork.strip() in [conversation["id"] for conversation in listed]
    assert len(listed) == 2
    [family, *_] = json.loads(run_curl(ROOTS, server))["data"]
    assert family["family"]["newest_conversation_id"] == fork.strip()
    matches = json.loads(run_curl(SEARCH, server))["data"]
    assert fork.strip() in [match["conversation"]["id"] for match in matches]


def test_the_line_about_settings_makes_a_conversation_that_has_them(server: LiveServer) -> None:
    made = json.loads(run_curl(SETTINGS, server))
    assert (made["instructions"], made["defaults"]["temperature"]) == ("Be brief.", 0.2)


def test_the_snippet_on_prompts_fills_one_in(server: LiveServer) -> None:
    assert run_python(server, WHOLE, PROMPT)[1] == "You know everything about the sky.\n"


def test_the_snippet_for_a_live_server_works() -> None:
    run([sys.executable, "-c", LIVE_SERVER])


# --- commands -------------------------------------------------------------------------------------------------------


def lines_of(start: str) -> list[list[str]]:
    """The words of each line that starts so, without comments."""
    lines = [line for block in SHELL for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith(start)]


@pytest.mark.parametrize("words", [words for start in TOOLS_OF_THE_CHECKOUT for words in lines_of(start)], ids=" ".join)
def test_the_tool_that_is_called_is_there(words: list[str]) -> None:
    assert os.access(CHECKOUT / words[0], os.X_OK)


@pytest.mark.parametrize("words", lines_of("scripts/bench "), ids=" ".join)
def test_the_measurement_that_is_called_takes_these_options(words: list[str]) -> None:
    name, *options = words[1:]
    command = bench.commands[name]
    assert isinstance(command, click.Command)
    assert command.make_context(name, options).args == []


def run_parley(environ: dict[str, str], folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "server.cli.commands", *arguments]
    outcome = subprocess.run(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def environ_with(variables: dict[str, str]) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    return environ | {"PYTHONPATH": str(CHECKOUT)} | variables


def test_the_commands_for_users_and_databases_work_one_after_another(tmp_path: Path) -> None:
    environ = environ_with({"PARLEY_DATA_DIR": str(tmp_path / "data")})
    for _, *arguments in lines_of(PARLEY):
        if "KEY_ID" in arguments:
            [key] = json.loads(run_parley(environ, tmp_path, "keys", "list", "--json"))
            arguments[arguments.index("KEY_ID")] = key["id"]
        is_runnable = arguments != ["db", "shell"] or shutil.which("sqlite3")
        if arguments[0] != "models" and is_runnable:
            run_parley(environ, tmp_path, *arguments)
    assert (tmp_path / "copy.db").exists()


def test_the_commands_for_models_work_beside_a_server(tmp_path: Path) -> None:
    lines = [arguments for _, *arguments in lines_of(PARLEY) if arguments[0] == "models"]
    assert {arguments[1] for arguments in lines} == {"list", "load", "unload", "info"}
    with LiveServer() as server:
        environ = environ_with(server.variables | {"TMPDIR": server.data_dir.name})
        for arguments in lines:
            named = [DEMO_MODEL if argument == "NAME" else argument for argument in arguments]
            assert DEMO_MODEL in run_parley(environ, tmp_path, *named)


def test_the_engine_that_runs_alone_gets_ready_and_ends_with_its_input(tmp_path: Path) -> None:
    (block,) = (block for block in SHELL if block.startswith(ENGINE))
    places = {".venv/bin/python": sys.executable, "model.gguf": demo_model_path(), "/tmp/engine.sock": tmp_path / "s"}
    for written, real in places.items():
        assert written in block
        block = block.replace(written, str(real))
    pipe = subprocess.PIPE
    with subprocess.Popen(["sh", "-c", block], cwd=CHECKOUT, stdin=pipe, stdout=pipe, stderr=pipe) as engine:
        assert engine.stdin is not None and engine.stdout is not None
        reports: list[bytes] = []
        # The shell keeps the output open when the engine has failed.
        Thread(target=reports.extend, args=(engine.stdout,), daemon=True).start()
        wait_until(lambda: any(b'"ready"' in report for report in reports), "the engine")
        engine.stdin.close()
        assert engine.wait() == 0
