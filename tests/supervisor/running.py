"""A supervisor process, for real, with fake engines, whose lifeline the test holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from server.protocol.control import Answer, Order, ask
from server.protocol.engine_config import EngineOptions
from server.protocol.runtime import ModelStatus, RuntimeDir
from server.supervisor.config import ModelConfig, SupervisorConfig
from tests.live_server import PATIENCE_SECONDS, alive, wait_until
from tests.processes import LISTEN, READY, Step, fake_command, write_model


class RunningSupervisor:
    """A supervisor whose lifeline the test holds."""

    def __init__(
        self, directory: Path, runtime: RuntimeDir, *steps: Step, models: list[ModelConfig] | None = None, **more: Any
    ) -> None:
        self.runtime = runtime
        self.output = directory / "output"
        config = SupervisorConfig(
            runtime_dir=str(self.runtime.path),
            models=models or [model(path=str(write_model(directory)))],
            engine_command=fake_command(*(steps or (LISTEN, READY))),
            **more,
        )
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server.supervisor"], stdin=subprocess.PIPE, stdout=output, stderr=output
            )
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(config) + b"\n")
        self.process.stdin.flush()

    @property
    def children(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children())

    @property
    def engine(self) -> psutil.Process:
        return wait_until(lambda: alive(self.children), "an engine")[0]

    def status(self, model_id: str = "m") -> ModelStatus | None:
        return self.runtime.read_status().models.get(model_id)

    def wait_for(self, condition: Callable[[ModelStatus], bool], model_id: str = "m") -> ModelStatus:
        def statuses() -> list[ModelStatus]:
            status = self.status(model_id)
            return [status] if status is not None and condition(status) else []

        return wait_until(statuses, "the status of a model")[0]

    def wait_for_state(self, state: str, model_id: str = "m") -> ModelStatus:
        return self.wait_for(lambda status: status.state == state, model_id)

    def wait_until_ready(self, num_restarts: int) -> None:
        """Wait until it is ready again, after so many restarts."""
        self.wait_for(lambda status: status.state == "ready" and status.num_restarts == num_restarts)

    def order(self, verb: str, model_id: str = "m", **more: Any) -> Answer:
        """What it says to an order."""
        wait_until(self.runtime.control_socket.exists, "the control socket")
        order = msgspec.convert({"verb": verb, "model": model_id, **more}, Order)
        return ask(self.runtime.control_socket, order)

    def let_go(self) -> int:
        """End its lifeline and wait for its own end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_SECONDS)


Start = Callable[..., RunningSupervisor]


def model(model_id: str = "m", **source: Any) -> ModelConfig:
    options = EngineOptions(num_slots=2, num_threads=3, n_ctx=512, max_waiting_tokens=77)
    return ModelConfig(model_id=model_id, options=options, **source)
