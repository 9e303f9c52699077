"""Starts the two kinds of child: the engine of a model, and the download of its file.

The one place that knows their command lines, their first line of input and their environment. It does not know when
they are due.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import msgspec

from server.engine.messages import EngineConfig
from server.runtime import RuntimeDir
from server.supervisor.child import Child
from server.supervisor.config import ModelConfig, SupervisorConfig

ENGINE_COMMAND = (sys.executable, "-m", "server.engine.process")
DOWNLOAD_COMMAND = (sys.executable, "-m", "server.models.download")


class Launcher:
    """Starts children as one supervisor's config wants them."""

    def __init__(self, config: SupervisorConfig) -> None:
        self._config = config
        self._runtime = RuntimeDir(config.runtime_dir)

    def start_engine(self, model: ModelConfig, path: str) -> Child:
        """The engine that serves the file at `path`. Raises OSError."""
        socket = self._runtime.engine_socket(model.index)
        # The last engine cannot have removed it if it was killed, and a new one could not bind to its name.
        socket.unlink(missing_ok=True)
        config = EngineConfig(
            model_id=model.model_id,
            model_path=path,
            socket_path=str(socket),
            num_slots=model.num_slots,
            num_threads=model.num_threads,
            n_ctx=model.n_ctx,
            n_gpu_layers=model.n_gpu_layers,
            max_waiting_requests=self._config.max_waiting_requests,
            max_waiting_tokens=self._config.max_waiting_tokens,
            max_step_ms=self._config.max_step_ms,
            kv_ram_mb=model.kv_ram_mb,
            kv_disk_mb=self._config.kv_disk_mb,
            kv_dir=self._config.kv_dir,
            is_embedding=model.is_embedding,
            pooling=model.pooling,
            lora=model.lora,
            max_draft_tokens=model.max_draft_tokens,
            draft_model_path=model.draft_model_path,
            log_level=self._config.log_level,
        )
        command = self._config.engine_command or ENGINE_COMMAND
        return Child(command, msgspec.json.encode(config), engine_environment(os.environ))

    def start_download(self, model: ModelConfig) -> Child:
        """The process that fetches the model's file from the hub. Raises OSError."""
        wanted = {"source": model.hub_source, "cache_dir": self._config.cache_dir}
        command = self._config.download_command or DOWNLOAD_COMMAND
        return Child(command, msgspec.json.encode(wanted), os.environ)


def engine_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of an engine process: the supervisor's, as the user has set it.

    This is the place to tune native libraries. OpenMP is left alone on purpose: threads that spin while they wait for
    each other make a stream three times as fast on an idle machine as threads that sleep (OMP_WAIT_POLICY=passive).
    """
    return {**environ}
