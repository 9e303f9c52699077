"""Logging from native threads and greenlets at once, in a process that is monkey-patched."""

import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys
from gevent import monkey
logging.basicConfig(stream=sys.stdout, format="%(message)s")
monkey.patch_all()
import gevent
from gevent.threadpool import ThreadPool
from server.http.native_log_locks import use_native_log_locks
use_native_log_locks()
late = logging.StreamHandler(sys.stdout)
logging.getLogger("late").addHandler(late)
pool = ThreadPool(8)
def log(count):
    for number in range(count):
        logging.getLogger("late").warning("%d", number)
threads = [pool.spawn(log, 300) for _ in range(8)]
def log_in_greenlet():
    for number in range(300):
        logging.getLogger("late").warning("%d", number)
        gevent.sleep(0)
greenlets = [gevent.spawn(log_in_greenlet) for _ in range(8)]
gevent.joinall(greenlets + threads)
assert type(late.lock).__module__ == "_thread", type(late.lock)
assert type(logging.root.handlers[0].lock).__module__ == "_thread"
"""


@pytest.mark.parametrize("attempt", range(2))
def test_native_threads_and_greenlets_may_log_at_once(attempt: int) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    # Each line comes twice, through the logger's own handler and the root's.
    assert len(run.stdout.splitlines()) == 16 * 300 * 2
