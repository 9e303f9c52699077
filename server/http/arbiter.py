"""gunicorn's master with one more child: the engine supervisor.

gunicorn has no hook that is called regularly, and its master reaps every child that dies, so this is a subclass; what
it overrides has been stable in gunicorn for years. It knows nothing of models or requests.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import gunicorn.app.base
from gunicorn.arbiter import Arbiter

from server import __version__
from server.models.catalogue import Catalogue
from server.protocol.runtime import RUNTIME_DIR_VARIABLE, STARTED_VARIABLE, RuntimeDir
from server.settings import Settings, SettingsError, load_settings
from server.supervisor.announcement import listener_url
from server.supervisor.handle import SupervisorHandle
from server.supervisor.plan import plan_supervisor


class ParleyArbiter(Arbiter):
    """The master process. `settings` is set by `install`."""

    settings: Settings
    lifeline: int
    """Pipe that ends when this process does, however suddenly."""

    def start(self) -> None:
        """Bind the address. The workers are started after this, and the supervisor after them."""
        os.environ[STARTED_VARIABLE] = str(int(time.time()))  # for the workers
        self._is_stopping = False
        self._runtime: RuntimeDir | None = None
        RuntimeDir.remove_abandoned()
        self.lifeline, self._life = os.pipe()
        super().start()
        urls = [listener_url(listener.sock) for listener in self.LISTENERS]
        print(f"Parley {__version__} is listening at {', '.join(urls)}", flush=True)
        self._prepare_supervisor(next(iter(urls), None))

    def manage_workers(self) -> None:
        """Called when anything happens, and once a second."""
        # After SIGHUP there are too many; the old ones go when all of the new ones serve.
        if len(self.WORKERS) <= self.num_workers or self._newest_are_serving():
            super().manage_workers()
        self._supervisor.keep_running()

    def reap_workers(self) -> None:
        """Called when a child has died, also while gunicorn waits for workers to end."""
        # First, because gunicorn reaps children that it does not know as well, and forgets how they died.
        if not self._is_stopping:
            self._supervisor.keep_running()
        super().reap_workers()
        # In `reload`, gunicorn calls nothing else until the old workers have ended.
        if not self._is_stopping and len(self.WORKERS) > self.num_workers:
            self.manage_workers()

    def reload(self) -> None:
        """SIGHUP: new workers with new settings, if those are good; gunicorn would end on bad ones."""
        try:
            Catalogue.from_settings(load_settings())
        except SettingsError as error:
            self.log.error("Nothing is reloaded. %s", error)
        else:
            super().reload()

    def use_new_settings(self) -> None:
        """Hook `on_reload`: the new settings have been read, the new workers do not run yet.

        The engines go on, unless it is them that the settings change.
        """
        running = self._supervisor.config
        if not running.wants_same_engines(plan_supervisor(self.settings, running.runtime_dir)):
            self.log.info("The models have changed, restarting the engines")
            self._supervisor.stop()
            self._prepare_supervisor()

    def become_worker(self) -> None:
        """Hook `post_fork`: this process is a worker now."""
        os.close(self._life)
        self._supervisor.abandon()
        # Until the worker has handlers of its own, the master's would swallow a signal to end.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)

    def stop(self, graceful: bool = True) -> None:
        """End the workers, and then the supervisor, so that running answers can be finished."""
        self._is_stopping = True
        super().stop(graceful)
        self._supervisor.stop()

    def _newest_are_serving(self) -> bool:
        by_age = sorted(self.WORKERS.values(), key=lambda worker: worker.age)
        return all(_is_serving(worker) for worker in by_age[-self.num_workers :])

    def _prepare_supervisor(self, announce_url: str | None = None) -> None:
        if self._runtime:
            self._runtime.let_go()
        self._runtime = RuntimeDir.create()
        runtime_dir = str(self._runtime.path)
        os.environ[RUNTIME_DIR_VARIABLE] = runtime_dir  # for the workers
        self._supervisor = SupervisorHandle(plan_supervisor(self.settings, runtime_dir, announce_url))


def _is_serving(worker: Any) -> bool:
    """Whether a worker has given its first sign of life: a time since the machine's start, where a date was before."""
    return bool(worker.tmp.last_update() <= time.monotonic())


def install(settings: Settings) -> None:
    """Let gunicorn, which is reading its configuration at the moment, run this master with these settings."""
    ParleyArbiter.settings = settings
    gunicorn.app.base.Arbiter = ParleyArbiter
