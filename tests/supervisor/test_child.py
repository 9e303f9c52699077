"""One supervised process, for real."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.supervisor.child import Child, describe_exit
from tests.live_server import wait_until
from tests.processes import LISTEN, Step, fake_command, open_files

CONFIG = b'{"socket_path": "/nonexistent/engine.sock"}'


class Nursery:
    """Starts children and sees to it that none is left."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def start(self, *steps: Step, command: list[str] | None = None) -> Child:
        child = Child(command or fake_command(*steps), CONFIG, os.environ)
        self.children.append(child)
        return child


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    for child in nursery.children:
        if child.exit_code() is None:
            os.kill(child.pid, signal.SIGKILL)
            wait_for_exit(child)
        child.close()


def wait_for_exit(child: Child) -> int:
    wait_until(lambda: child.exit_code() is not None, "the child's end")
    exit_code = child.exit_code()
    assert exit_code is not None
    return exit_code


def hear(child: Child, num_lines: int) -> list[bytes]:
    lines: list[bytes] = []

    def has_said_enough() -> bool:
        lines.extend(child.read_lines())
        return len(lines) >= num_lines

    wait_until(has_said_enough, "the child's words")
    return lines


def test_it_gets_its_first_line(nursery: Nursery, tmp_path: Path) -> None:
    record = tmp_path / "record"
    child = nursery.start({"record": str(record)})
    wait_until(lambda: record.exists() and record.read_text().endswith("\n"), "the record")
    pid, _, first_line = record.read_bytes().split(maxsplit=2)
    assert (int(pid), first_line) == (child.pid, CONFIG + b"\n")


def test_it_is_heard_line_by_line_without_waiting(nursery: Nursery) -> None:
    child = nursery.start({"print": "one"}, {"print": ""}, {"print": "two\nthree"})
    assert hear(child, 3) == [b"one", b"two", b"three"]
    assert child.read_lines() == []


def test_half_a_line_is_kept_until_the_rest_arrives(nursery: Nursery, tmp_path: Path) -> None:
    code = "import os, sys, time; os.write(1, b'ha'); sys.stdin.readline(); time.sleep(0.05); os.write(1, b'lf\\nrest')"
    child = nursery.start(command=[sys.executable, "-c", code])
    assert hear(child, 1) == [b"half"]
    wait_for_exit(child)
    assert child.read_lines() == []


def test_what_it_said_last_can_still_be_read_after_its_death(nursery: Nursery) -> None:
    child = nursery.start({"print": "last words"}, {"exit": 3})
    assert wait_for_exit(child) == 3
    assert child.read_lines() == [b"last words"]


def test_an_endless_line_is_not_kept(nursery: Nursery) -> None:
    code = "import sys, time; sys.stdout.write('x' * 300_000 + '\\nnext\\n'); sys.stdout.flush(); time.sleep(600)"
    child = nursery.start(command=[sys.executable, "-c", code])
    long, following = hear(child, 2)
    assert len(long) < 200_000
    assert following == b"next"


def test_closing_its_output_is_not_its_end(nursery: Nursery) -> None:
    child = nursery.start({"close_stdout": True})
    wait_until(lambda: child.read_lines() or child.is_silent, "the end of its output")
    assert child.exit_code() is None


def test_it_dies_with_its_lifeline(nursery: Nursery) -> None:
    child = nursery.start({"print": "here"})
    hear(child, 1)
    child.stop(now=0.0)
    assert wait_for_exit(child) == 0


def test_one_that_ignores_its_lifeline_is_terminated(nursery: Nursery) -> None:
    child = nursery.start({"ignore_lifeline": True}, {"print": "here"})
    hear(child, 1)
    child.stop(now=0.0)
    assert child.deadline == 5.0
    child.press(now=5.0)
    assert wait_for_exit(child) == -signal.SIGTERM


def test_one_that_ignores_everything_is_killed(nursery: Nursery) -> None:
    child = nursery.start({"ignore_lifeline": True}, {"ignore": signal.SIGTERM}, {"print": "here"})
    hear(child, 1)
    child.stop(now=0.0)
    child.press(now=5.0)
    assert child.deadline == 7.0
    child.press(now=7.0)
    assert wait_for_exit(child) == -signal.SIGKILL
    child.press(now=70.0)


def test_asking_twice_does_not_press_harder(nursery: Nursery) -> None:
    child = nursery.start({"ignore_lifeline": True}, {"print": "here"})
    hear(child, 1)
    child.stop(now=0.0)
    child.stop(now=1.0)
    assert child.deadline == 5.0
    assert child.exit_code() is None


def test_a_command_that_does_not_exist_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        Child(["/no/such/program"], CONFIG, {})


def test_a_child_that_dies_before_it_was_told_anything_is_not_an_error(nursery: Nursery) -> None:
    child = Child(["true"], b"x" * 10, os.environ)
    nursery.children.append(child)
    assert wait_for_exit(child) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_no_child_holds_the_lifeline_of_another(nursery: Nursery) -> None:
    first = nursery.start({"print": "here"})
    second = nursery.start({"print": "here"}, LISTEN)
    hear(first, 1)
    hear(second, 1)
    shared = open_files(psutil.Process(first.pid)) & open_files(psutil.Process(second.pid))
    standard_error = os.readlink("/proc/self/fd/2")
    assert not [name for name in shared if name.startswith("pipe:") and name != standard_error]


@pytest.mark.parametrize(
    ("exit_code", "sentence"),
    [
        (-9, "the engine was killed by SIGKILL (out of memory?)"),
        (-6, "the engine was killed by SIGABRT"),
        (-77, "the engine was killed by signal 77"),
        (0, "the engine ended unexpectedly (exit code 0)"),
        (3, "the engine failed with exit code 3"),
    ],
)
def test_an_exit_is_described_in_a_sentence(exit_code: int, sentence: str) -> None:
    assert describe_exit("the engine", exit_code) == sentence
