"""Parley's front door: `gunicorn` in this directory starts everything, and so does `parley serve` from anywhere.

gunicorn runs this file in its master, and again on SIGHUP. What operators may decide is in parley.toml and PARLEY_
variables (see parley.toml.example); what is fixed here has its reason beside it.
"""

import os
import sys

# Before the workers patch locks and thread-locals: Pony's must be native.
import pony.orm.dbproviders.sqlite
from gunicorn.workers.base import Worker

from server.http.arbiter import ParleyArbiter, install
from server.logs import start_logging
from server.models.catalogue import Catalogue
from server.settings import SettingsError, load_settings

try:
    import pony.orm.dbproviders.postgres  # noqa: F401
except ImportError:  # Pony raises this, not ModuleNotFoundError, where psycopg2 is missing
    _has_postgresql = False
else:
    _has_postgresql = True

try:
    _settings = load_settings()
    Catalogue.from_settings(_settings)
    if _settings.storage_url.startswith("postgresql:") and not _has_postgresql:
        raise SettingsError("database_url: PostgreSQL needs the package psycopg2-binary, which is not installed")
except SettingsError as _error:
    print(_error, file=sys.stderr)
    sys.exit(2)

start_logging(_settings.log_level)
install(_settings)

proc_name = "parley"
wsgi_app = "server.app:create_app()"
bind = _settings.bind
workers = _settings.workers
worker_class = "server.http.worker.ParleyWorker"
loglevel = _settings.log_level
graceful_timeout = _settings.graceful_timeout_seconds

# A worker's main greenlet has nothing to do but to say that it lives. Silence this long means that it hangs.
timeout = 60
# Longer than clients keep idle connections (openai: 5 s), so that it is never us who closes one that is being used.
keepalive = 75
# Headers by which a proxy could set what the application sees as its own address, path and scheme: Parley reads none of
# them, and whatever runs on this machine could send them.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# By default all servers of a user share one control socket, and its thread has no place beside forks.
control_socket_disable = True
# Heartbeats are files: in memory, a busy disk cannot delay them.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def post_fork(arbiter: ParleyArbiter, worker: Worker) -> None:
    worker.settings, worker.lifeline = arbiter.settings, arbiter.lifeline
    arbiter.become_worker()


def on_reload(arbiter: ParleyArbiter) -> None:
    arbiter.use_new_settings()
