"""The loop of the supervisor process: one thread that waits for children, time and the end of its own lifeline.

It routes what happens to the model it happens to, and writes down how things stand. It does not know what a model's
life looks like (`watched_model`), what a child says, or anything about HTTP.
"""

from __future__ import annotations

import logging
import os
import selectors
import time
from collections.abc import Callable

from server.chat_page import INSTALLED
from server.models.found_names import name_models
from server.protocol.runtime import RuntimeDir, Status
from server.supervisor.announcement import invitation
from server.supervisor.budget import Budget
from server.supervisor.child import Child
from server.supervisor.config import ModelConfig, SupervisorConfig
from server.supervisor.control import Control
from server.supervisor.folder_watch import FolderWatch
from server.supervisor.launcher import Launcher
from server.supervisor.signals import catch_signals, forget_signals
from server.supervisor.status_writer import StatusWriter
from server.supervisor.watched_model import WatchedModel

logger = logging.getLogger(__name__)


class Supervisor:
    """Keeps the engines of all models running until its lifeline ends."""

    def __init__(self, config: SupervisorConfig, lifeline_fd: int) -> None:
        self._runtime = RuntimeDir(config.runtime_dir)
        self._status_writer = StatusWriter(self._runtime)
        self._config = config
        self._launcher = Launcher(config)
        self._models = [self._watched(model) for model in config.models]
        """Those that the settings name first; `control` sees every change."""
        self._folder_watch = FolderWatch(config.folders.folders) if config.folders else None
        self._budget = Budget(config.max_model_memory_bytes)
        self._announce_url = config.announce_url
        self._announce_headers = config.announce_headers
        self._lifeline_fd = lifeline_fd
        self._is_stopping = False
        self._selector = selectors.DefaultSelector()
        self._control = Control(self._models, self._selector)
        self._heard: dict[int, WatchedModel] = {}

    def run(self) -> None:
        """Run until the lifeline ends, and leave nothing behind then."""
        self._take_over_runtime_dir()
        self._watch_signals()
        self._selector.register(self._lifeline_fd, selectors.EVENT_READ, self._on_lifeline)
        self._control.listen(self._runtime.control_socket)
        for model in self._models:
            model.start(time.monotonic())
        self._watch_folders()
        while not (self._is_stopping and all(model.is_stopped for model in self._models)):
            self._settle()
            self._wait()
            self._reap()
            self._on_time()
        self._runtime.remove()

    # --- the loop -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Bring everything into line with the models: whom we listen to, and what status.json says."""
        self._models[:] = [model for model in self._models if not (model.is_given_up and model.child is None)]
        self._listen_to_children()
        self._budget.share(self._models, time.monotonic())
        self._control.answer_waiting()
        self._status_writer.update(self._status, time.monotonic())
        self._announce()

    def _wait(self) -> None:
        for key, _ in self._selector.select(self._timeout):
            on_event: Callable[[], None] = key.data
            on_event()

    def _reap(self) -> None:
        for model in self._models:
            exit_code = model.child.exit_code() if model.child else None
            if exit_code is not None:
                self._stop_listening(model)
                model.on_exit(exit_code, time.monotonic())

    def _on_time(self) -> None:
        for model in self._models:
            model.on_time(time.monotonic())

    @property
    def _timeout(self) -> float | None:
        deadlines = [model.deadline for model in self._models] + [self._status_writer.deadline]
        next_deadline = min((deadline for deadline in deadlines if deadline is not None), default=None)
        return None if next_deadline is None else max(0.0, next_deadline - time.monotonic())

    @property
    def _status(self) -> Status:
        return Status(
            models={model.config.model_id: model.status for model in self._models},
            pid=os.getpid(),
            bind=self._config.bind,
        )

    # --- what can happen ------------------------------------------------------------------------------------------

    def _on_lifeline(self) -> None:
        """The master never writes more than the config, so this is the end of the file: it is gone, or wants us to."""
        if os.read(self._lifeline_fd, 4096):
            return
        self._selector.unregister(self._lifeline_fd)
        logger.info("stopping the engines")
        self._is_stopping = True
        for model in self._models:
            model.stop(time.monotonic())

    def _on_output(self, model: WatchedModel, child: Child) -> None:
        model.on_output(time.monotonic())
        if child.is_silent:
            self._stop_listening(model)

    def _on_found(self) -> None:
        """Files have come to the folders, gone, or changed from damaged to whole or back."""
        wanted = self._found_configs()
        if self._is_stopping:
            return
        for model in self._models:
            if model.config.found is not None and wanted.get(model.config.model_id) != model.config:
                model.give_up(time.monotonic())
        known = {model.config.model_id for model in self._models if not model.is_given_up}
        for config in [config for model_id, config in wanted.items() if model_id not in known]:
            self._models.append(self._watched(config))
            self._models[-1].start(time.monotonic())

    def _found_configs(self) -> dict[str, ModelConfig]:
        """The models of the folders, damaged ones too, by their ids; none that the settings name."""
        assert self._folder_watch is not None and self._config.folders is not None
        named = {model.path for model in self._config.models}
        files = [file for file in self._folder_watch.take() if file.kind != "accessory" and str(file.path) not in named]
        found = name_models(files, self._config.folders.taken_names)
        return {model_id: self._config.folders.model(model_id, file) for model_id, file in found.items()}

    # --- details --------------------------------------------------------------------------------------------------

    def _watched(self, config: ModelConfig) -> WatchedModel:
        return WatchedModel(config, self._launcher, self._config.engine_timeout_seconds)

    def _watch_folders(self) -> None:
        if self._folder_watch:
            self._selector.register(self._folder_watch.wake_fd, selectors.EVENT_READ, self._on_found)
            self._folder_watch.start()

    def _take_over_runtime_dir(self) -> None:
        """Make it ours: whatever an earlier supervisor's engines left is stale, since they died with it."""
        self._runtime.path.mkdir(mode=0o700, exist_ok=True)
        self._runtime.remove_engine_sockets()
        self._runtime.hold()

    def _watch_signals(self) -> None:
        signals_fd = catch_signals()
        self._selector.register(signals_fd, selectors.EVENT_READ, lambda: forget_signals(signals_fd))

    def _listen_to_children(self) -> None:
        for model in self._models:
            child = model.child
            if child and not child.is_silent and child.stdout_fd not in self._heard:
                self._heard[child.stdout_fd] = model
                on_output = self._hearer(model, child)
                self._selector.register(child.stdout_fd, selectors.EVENT_READ, on_output)

    def _hearer(self, model: WatchedModel, child: Child) -> Callable[[], None]:
        return lambda: self._on_output(model, child)

    def _stop_listening(self, model: WatchedModel) -> None:
        for fd in [fd for fd, heard in self._heard.items() if heard is model]:
            self._selector.unregister(fd)
            del self._heard[fd]

    def _announce(self) -> None:
        default = next(iter(self._models), None)
        if self._announce_url and default and default.status.state == "ready":
            url, self._announce_url = self._announce_url, None
            try:
                headers, has_page = self._announce_headers, INSTALLED.is_built
                print(invitation(url, default.config.model_id, headers, has_page), flush=True)
            except OSError:
                logger.debug("nobody reads our standard output")
