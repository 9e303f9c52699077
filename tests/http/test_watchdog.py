"""An event loop that stands still is noticed, and what holds it up is named."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gevent.monkey
gevent.monkey.patch_all()
import logging, re, gevent
from server.http import watchdog
logging.basicConfig()
watchdog.BEAT_SECONDS, watchdog.STALL_SECONDS = 0.05, 0.2
watching = watchdog.watch()

def hold_up(n):
    return re.match("(a*)*b", "a" * n)

gevent.sleep(0.2)
{work}
gevent.sleep(0.2)
watching.kill()
gevent.sleep(0.5)
"""


def said_about(work: str) -> str:
    program = [sys.executable, "-c", PROGRAM.format(work=work)]
    return subprocess.run(program, capture_output=True, text=True, check=True, timeout=120).stderr


def test_native_code_that_holds_up_the_loop_is_named_once() -> None:
    said = said_about("hold_up(26)")
    assert said.count("in hold_up") == 1
    assert said.count("The event loop stood still for") == 1


def test_a_loop_that_goes_on_is_left_alone() -> None:
    assert said_about("[gevent.sleep(0.05) for _ in range(20)]") == ""
