"""Names of workers: who lives, who is dead, and of whom nothing can be known."""

from __future__ import annotations

import subprocess
import sys

import pytest

from storage.leases import workers
from tests.live_server import CHECKOUT, wait_until

SLEEPER = "from storage.leases.workers import own_name; print(own_name(), flush=True); input()"


def test_a_process_lives_until_it_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not workers.is_dead(name)
        process.kill()
        wait_until(lambda: workers.is_dead(name), "the end, though nobody has asked for its exit code")
    assert workers.is_dead(name)


def test_a_number_that_another_process_has_now_is_no_sign_of_life() -> None:
    assert not workers.is_dead(workers.own_name())
    assert workers.is_dead(f"{workers.own_name()}9")


@pytest.mark.parametrize("name", [None, "", "worker", "elsewhere:1:1", "unknown:1:0123"])
def test_of_others_nothing_is_known(name: str | None) -> None:
    assert not workers.is_dead(name)


def test_a_reader_that_cannot_look_does_not_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_pid: int) -> str:
        raise OSError(24, "Too many open files")

    name = workers.own_name()
    monkeypatch.setattr(workers, "_start_time", fail)
    assert not workers.is_dead(name)
