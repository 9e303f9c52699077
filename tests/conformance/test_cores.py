"""Where the threads of a running engine are, as the kernel tells."""

from __future__ import annotations

import os
import sys

import psutil
import pytest

from server.models.cores import num_physical_cores
from tests.live_server import LiveServer

ALL_CORES = set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else set()

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads are not bound"),
    pytest.mark.skipif(len(ALL_CORES) < 2, reason="there is only one core"),
    pytest.mark.skipif(any(name.startswith("OMP_") for name in os.environ), reason="OpenMP is set up by somebody else"),
]


def cores_of_threads(process: psutil.Process) -> list[frozenset[int]]:
    return [frozenset(os.sched_getaffinity(thread.id)) for thread in process.threads()]


def ask(server: LiveServer) -> None:
    status, answer, _ = server.post("/v1/completions", {"prompt": "One, two,", "max_tokens": 4})
    assert status == 200, answer


def test_each_thread_that_computes_has_a_core_and_all_others_have_all() -> None:
    if num_physical_cores() != len(ALL_CORES):
        pytest.skip("cores are hyper-threads here, or a quota holds")
    with LiveServer(slots=1, n_ctx=512, threads=None) as server:
        ask(server)
        cores = cores_of_threads(server.engine)
    bound = [of_thread for of_thread in cores if len(of_thread) == 1]
    assert set().union(*bound) == ALL_CORES
    assert len(bound) == len(ALL_CORES), "one each"
    assert all(of_thread == ALL_CORES for of_thread in cores if len(of_thread) > 1)


def test_threads_that_are_fewer_than_the_cores_are_not_bound() -> None:
    with LiveServer(slots=1, n_ctx=512, threads=1) as server:
        ask(server)
        assert all(of_thread == ALL_CORES for of_thread in cores_of_threads(server.engine))
