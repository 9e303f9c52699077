"""`start`: starts supervisors, one after the other, in one runtime directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.protocol.runtime import RuntimeDir
from tests.processes import Step
from tests.supervisor.running import RunningSupervisor, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[RunningSupervisor] = []
    runtime = RuntimeDir.create()  # pytest's own directories can be too deep for sockets

    def start(*steps: Step, **more: Any) -> RunningSupervisor:
        running.append(RunningSupervisor(tmp_path, runtime, *steps, **more))
        return running[-1]

    yield start
    for supervisor in running:
        if supervisor.process.poll() is None:
            supervisor.process.kill()
            supervisor.process.wait()
        if supervisor.process.stdin:
            supervisor.process.stdin.close()
    runtime.remove()
