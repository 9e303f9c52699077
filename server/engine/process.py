"""The engine process: `python -m server.engine.process`, started and watched by the supervisor.

Standard input: one line, an `EngineConfig` as JSON; its end means that the supervisor is gone, and the process exits
at once. Standard output: a `Report` a line. Standard error: logs. Everything else goes over the socket that the config
names, which exists from the moment the model is ready.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

import msgspec

from server.engine.messages import EngineConfig, Report

REPORTS_PER_SECOND = 5


class Reporter:
    """Writes reports to the supervisor, progress not too often."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._last_progress = 0.0

    def report(self, report: Report) -> None:
        self._stream.write(msgspec.json.encode(report) + b"\n")
        self._stream.flush()

    def progress(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self._last_progress >= 1 / REPORTS_PER_SECOND:
            self._last_progress = now
            self.report(Report(state="loading", progress=fraction))


def main() -> None:
    reporter = Reporter(_take_stdout())
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=EngineConfig)
    _die_with_supervisor()
    logging.basicConfig(
        level=config.log_level.upper(), format=f"%(asctime)s [{config.model_id}] %(levelname)s %(message)s"
    )
    reporter.report(Report(state="loading", progress=0.0))
    try:
        _serve(config, reporter)
    except Exception as error:
        logging.getLogger(__name__).exception("the engine cannot go on")
        reporter.report(Report(state="failed", message=str(error)))
        os._exit(1)


def _serve(config: EngineConfig, reporter: Reporter) -> None:
    from server.engine import native_log  # imports llama.cpp, which takes longer than all the rest
    from server.engine.engine import Engine
    from server.engine.grammar_compiler import GrammarCompiler
    from server.engine.intake import Intake
    from server.engine.model import Model
    from server.engine.service import Service

    native_log.install()
    threading.excepthook = _die_with_thread
    model = Model(config, reporter.progress)
    engine = Engine(
        model,
        config.max_waiting_requests,
        config.max_waiting_tokens,
        config.max_step_ms,
        config.kv_ram_mb << 20,
        config.max_draft_tokens,
    )
    intake = Intake(model.vocabulary, model.n_ctx, model.dry_rules())
    grammars = GrammarCompiler(model.vocabulary)
    service = Service(engine, intake, grammars, model.card(config.model_id))
    service.listen(Path(config.socket_path))
    reporter.report(Report(state="ready"))
    service.run()


def _die_with_thread(failure: threading.ExceptHookArgs) -> None:
    """An engine that lost one of its threads would look ready and answer nobody; a new one is better."""
    logging.getLogger(__name__).critical("a thread of the engine failed", exc_info=failure.exc_value)
    os._exit(1)


def _take_stdout() -> IO[bytes]:
    """Keep standard output for reports alone: whatever else prints goes to standard error."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return reports


def _die_with_supervisor() -> None:
    """Exit when the supervisor asks for it or is gone, even in the middle of a forward pass; nothing needs saving."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the supervisor decides

    def wait_for_end() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait_for_end, daemon=True, name="lifeline").start()


if __name__ == "__main__":
    main()
