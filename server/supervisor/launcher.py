"""Starts the two kinds of child: the engine of a model, and the download of its file.

The one place that knows their command lines, their first line of input and their environment. It does not know when
they are due.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import msgspec

from server.models.cores import are_all_cores
from server.protocol.engine_config import EngineConfig, EngineOptions
from server.protocol.model_options import Device
from server.protocol.runtime import RuntimeDir
from server.supervisor.child import Child
from server.supervisor.config import ModelConfig, SupervisorConfig

ENGINE_COMMAND = (sys.executable, "-m", "server.engine.host.process")
BINDING_VARIABLES = frozenset({"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"})
"""Whoever sets one of these has decided where OpenMP's threads run."""
DOWNLOAD_COMMAND = (sys.executable, "-m", "server.models.download")


class Launcher:
    """Starts children as one supervisor's config wants them."""

    def __init__(self, config: SupervisorConfig) -> None:
        self._config = config
        self._runtime = RuntimeDir(config.runtime_dir)

    def start_engine(self, model: ModelConfig, path: str, draft_path: str | None, device: Device) -> Child:
        """The engine that serves the file at `path`; the one at `draft_path` may guess for it. Raises OSError."""
        socket = self._runtime.engine_socket(model.model_id)
        # The last engine cannot have removed it if it was killed, and a new one could not bind to its name.
        socket.unlink(missing_ok=True)
        config = EngineConfig(
            model_id=model.model_id,
            model_path=path,
            draft_model_path=draft_path,
            socket_path=str(socket),
            log_level=self._config.log_level,
            needs_gpu=device == "gpu",
            asks_for_memory=self._config.max_model_memory_bytes is not None,
            options=_on_device(model.options, device),
        )
        command = self._config.engine_command or ENGINE_COMMAND
        environ = engine_environment(os.environ, are_all_cores(model.options.num_threads))
        return Child(command, msgspec.json.encode(config), environ)

    def start_download(self, hub_source: str) -> Child:
        """The process that fetches a file from the hub. Raises OSError."""
        wanted = {"source": hub_source, "cache_dir": self._config.cache_dir}
        command = self._config.download_command or DOWNLOAD_COMMAND
        return Child(command, msgspec.json.encode(wanted), os.environ)


def _on_device(options: EngineOptions, device: Device) -> EngineOptions:
    """The options for computing on a device; for the GPU, all layers there unless they say how many."""
    if device == "auto":
        return options
    n_gpu_layers = 0 if device == "cpu" else options.n_gpu_layers or None
    return msgspec.structs.replace(options, n_gpu_layers=n_gpu_layers)


def engine_environment(environ: Mapping[str, str], has_all_cores: bool) -> dict[str, str]:
    """The environment of an engine process: the supervisor's, as the user has set it, and a core for each thread.

    OpenMP's threads spin while they wait for each other, which makes a stream much faster on an idle machine than
    sleeping (OMP_WAIT_POLICY=passive) would. But when something else keeps a core busy, the kernel may put two of them
    on one, where the one that spins keeps the one that it waits for from running: the demo model went from 80 to 1
    token a second on two cores. Bound to cores of their own, they share them fairly with whatever comes. Threads that
    are fewer than the cores are left to the kernel, or several engines would crowd on the first cores.
    """
    if not has_all_cores or BINDING_VARIABLES & environ.keys():
        return {**environ}
    return {**environ, "OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
