"""The child process that fetches one model of the hub: `python -m server.models.download`.

Line 1 of stdin is a `DownloadRequest` as JSON; the end of stdin means that the parent is gone, and ends this process at
once (what was downloaded stays and is continued next time). Every line of stdout is a `Report` as JSON, the last one
"downloaded" with a path or "failed" with a message for the user. People read stderr. Exit code: 0 downloaded, 1 failed.
It does not know who started it or what becomes of the file.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from server.models.errors import InvalidSource, ModelError
from server.models.progress import Progress
from server.models.source import HubFile, parse_source
from server.protocol.report import Report

logger = logging.getLogger(__name__)


class DownloadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source to fetch, as `parse_source` reads it, into a directory (None: huggingface_hub's own place)."""

    source: str
    cache_dir: str | None = None


def main() -> int:
    """Serve one request from stdin. Returns the exit code."""
    # Ctrl-C in a terminal reaches every process; this one ends when its parent says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(format="%(message)s")
    send = _claim_stdout()
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline()
    if not line.endswith(b"\n"):
        return 1  # the parent died before it could say what it wanted
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    report = _serve(msgspec.json.decode(line, type=DownloadRequest), send)
    send(report)
    return 0 if report.state == "downloaded" else 1


def _serve(request: DownloadRequest, send: Callable[[Report], None]) -> Report:
    """The last report."""
    try:
        return Report(state="downloaded", progress=1.0, path=str(_download(request, send)))
    except ModelError as error:
        return Report(state="failed", message=str(error))
    except Exception as error:
        logger.exception("the download of %s failed unexpectedly", request.source)
        return Report(state="failed", message=f"the download failed unexpectedly: {type(error).__name__}: {error}")


def _download(request: DownloadRequest, send: Callable[[Report], None]) -> Path:
    source = parse_source(request.source)
    if not isinstance(source, HubFile):
        raise InvalidSource(request.source, "it is a path on this machine, nothing is to be downloaded")
    progress = Progress(f"downloading {source}", send, sys.stderr)
    # Otherwise it asks the hub, before anything else, for a list of coding agents to look for in the environment.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # Imported late: it reads the environment, and a request that is wrong should not wait for it.
    from server.models.fetch import fetch
    from server.models.hub import Hub

    return fetch(source, Hub(Path(request.cache_dir) if request.cache_dir else None), progress)


def _claim_stdout() -> Callable[[Report], None]:
    """A way to send reports; whatever a library prints goes to stderr from now on."""
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def send(report: Report) -> None:
        try:
            reports.write(msgspec.json.encode(report) + b"\n")
        except BrokenPipeError:
            os._exit(1)  # the parent is gone, and stdin is about to say so too

    return send


def _exit_with_parent() -> None:
    # os.read and not sys.stdin: a thread inside a buffered reader would hold its lock at interpreter exit.
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
