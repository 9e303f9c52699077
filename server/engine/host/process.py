"""The engine process: `python -m server.engine.host.process`, started and watched by the supervisor.

Standard input: a line with an `EngineConfig` as JSON, and later perhaps an `EngineOrder` a line; its end means that the
supervisor is gone or wants the process to end, which it does at once, or when it has saved KV cache if that is kept on
disk. Standard output: a `Report` a line.
Standard error: logs. Everything else goes over the socket that the config names, which exists from the moment the model
is ready.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from server.engine.affinity import Thread
from server.protocol.engine_config import EngineConfig, EngineOptions
from server.protocol.engine_orders import EngineOrder
from server.protocol.report import Report

if TYPE_CHECKING:
    from server.engine.host.intake_queue import IntakeQueue
    from server.engine.host.service import Service
    from server.engine.kv.disk import Disk
    from server.engine.kv.files import StateDir

PROCESS_BYTES = 75 << 20
"""What an engine process takes besides its model: Python, numpy, llama.cpp."""

REPORTS_PER_SECOND = 5
"""Most reports of progress in a second."""

HEARTBEAT_SECONDS = 1.0
"""Seconds between two signs of life."""

SAVE_SECONDS = 4.0
"""Seconds for which the end may be put off to save KV cache; after 5, the supervisor is less polite."""


class Reporter:
    """Writes reports to the supervisor, but progress not too often."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._last_progress = 0.0
        self._lock = threading.Lock()

    def report(self, report: Report) -> None:
        with self._lock:
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
    ending = Ending()
    logging.basicConfig(
        level=config.log_level.upper(), format=f"%(asctime)s [{config.model_id}] %(levelname)s %(message)s"
    )
    reporter.report(Report(state="loading", progress=0.0))
    try:
        _serve(config, reporter, ending)
    except Exception as error:
        logging.getLogger(__name__).exception("the engine cannot go on")
        reporter.report(Report(state="failed", message=str(error)))
        os._exit(1)


def _serve(config: EngineConfig, reporter: Reporter, ending: Ending) -> None:
    from server.engine.llama import native_log  # imports llama.cpp, which takes longer than all the rest

    native_log.install()
    threading.excepthook = _die_with_thread
    if config.asks_for_memory:
        _wait_for_room(config, reporter, ending)
    service = (_embedding_service if config.options.is_embedding else _generation_service)(config, reporter, ending)
    service.listen(Path(config.socket_path))
    ending.obey = lambda order: _obey(order, service, reporter, ending)
    reporter.report(Report(state="ready"))
    Thread(target=_say_that_it_lives, args=(reporter, service), daemon=True, name="heartbeat").start()
    service.run()


def _wait_for_room(config: EngineConfig, reporter: Reporter, ending: Ending) -> None:
    """Say what the model needs, and wait until the supervisor says that it is there."""
    is_there = threading.Event()
    ending.obey = lambda order: is_there.set()
    reporter.report(Report(state="needs", memory_bytes=PROCESS_BYTES + _needed_bytes(config)))
    is_there.wait()


def _needed_bytes(config: EngineConfig) -> int:
    """Bytes of the host's memory that the model will take, and the small one that guesses for it."""
    from server.engine.llama.context_shape import ContextShape
    from server.engine.llama.needs import needed_bytes
    from server.engine.llama.weights import Weights, check_device

    def needed_by(path: str, options: EngineOptions) -> int:
        def params(weights: Weights) -> Any:
            if options.is_embedding:
                from server.engine.embedding.model import context_params

                return context_params(options, weights)
            shape = ContextShape.of(options, weights)
            return shape.params(shape.pass_sizes[0])

        return needed_bytes(path, options.n_gpu_layers, params, [adapter.path for adapter in options.lora])

    check_device(config)
    needed = needed_by(config.model_path, config.options)
    if config.draft_model_path is not None:
        needed += needed_by(config.draft_model_path, msgspec.structs.replace(config.options, lora=()))
    return needed


def _say_that_it_lives(reporter: Reporter, service: Service[Any]) -> None:
    """Tell the supervisor again and again for how long the loop has stood still."""
    while True:
        standing, idle = service.standing_seconds, service.idle_seconds
        reporter.report(Report(state="alive", standing_seconds=standing, idle_seconds=idle))
        time.sleep(HEARTBEAT_SECONDS)


def _obey(order: EngineOrder, service: Service[Any], reporter: Reporter, ending: Ending) -> None:
    if order.verb == "retire":
        service.retire(ending.begin)
    else:
        service.retire_if_idle(ending.begin, lambda: reporter.report(Report(state="busy")))


def _generation_service(config: EngineConfig, reporter: Reporter, ending: Ending) -> Service[Any]:
    from server.engine.engine import Engine
    from server.engine.grammar.compiler import GrammarCompiler
    from server.engine.host.service import Service
    from server.engine.intake.intake import Intake
    from server.engine.kv.disk import Disk
    from server.engine.llama.model import Model, load_draft_model

    options = config.options
    model = Model(config, reporter.progress)
    disk = Disk(_state_dir(options, model.state_fingerprint)) if options.kv_disk_mb else None
    engine = Engine(
        model,
        options.max_waiting_requests,
        options.max_waiting_tokens,
        options.max_step_ms,
        options.kv_ram_mb << 20,
        options.max_draft_tokens,
        disk,
        None if config.draft_model_path is None else load_draft_model(config, model, reporter.progress),
    )
    intake = Intake(model.vocabulary, model.n_ctx, model.dry_rules(), GrammarCompiler(model.vocabulary))
    service = Service(engine, intake, model.card(config.model_id), _intake_queue(options))
    if disk:
        disk.on_read = service.wake
        ending.before = lambda: _save(service, disk)
    return service


def _embedding_service(config: EngineConfig, reporter: Reporter, ending: Ending) -> Service[Any]:
    from server.engine.embedding.engine import EmbeddingEngine
    from server.engine.embedding.intake import EmbeddingIntake
    from server.engine.embedding.model import EmbeddingModel
    from server.engine.host.service import Service

    options = config.options
    model = EmbeddingModel(config, reporter.progress)
    engine = EmbeddingEngine(model, options.max_waiting_requests, options.max_waiting_tokens)
    intake = EmbeddingIntake(model.vocabulary, model.n_ctx, model.n_embd)
    return Service(engine, intake, model.card(config.model_id), _intake_queue(options))


def _intake_queue(options: EngineOptions) -> IntakeQueue[Any]:
    """One that has room for all prompts that slots and the engine's queue have room for."""
    from server.engine.host.intake_queue import IntakeQueue

    return IntakeQueue(options.num_slots + options.max_waiting_requests, options.max_intake_mb << 20)


def _die_with_thread(failure: threading.ExceptHookArgs) -> None:
    """End the process: without one of its threads, an engine would look ready and answer nobody. A new one is
    better."""
    logging.getLogger(__name__).critical("a thread of the engine failed", exc_info=failure.exc_value)
    os._exit(1)


def _take_stdout() -> IO[bytes]:
    """Keep standard output for reports alone: whatever else prints goes to standard error."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return reports


def _state_dir(options: EngineOptions, fingerprint: str) -> StateDir:
    from server.engine.kv.files import StateDir

    return StateDir(Path(options.kv_dir), fingerprint, options.kv_disk_mb << 20)


def _save(service: Service[Any], disk: Disk) -> None:
    """Write the KV cache of the last sequences, as far as the time goes."""
    deadline = time.monotonic() + SAVE_SECONDS
    if service.flush(SAVE_SECONDS):
        disk.wait_until_written(deadline - time.monotonic())


class Ending:
    """Ends the process when the supervisor asks for it or is gone, even in the middle of a forward pass.

    When it is asked a second time, which the supervisor does after some seconds, it does not wait for anything.
    """

    def __init__(self) -> None:
        self.before: Callable[[], None] = lambda: None
        """Called first, on a thread of its own."""
        self.obey: Callable[[EngineOrder], None] = lambda order: None
        """Called with each order of the supervisor."""
        self._has_begun = False
        signal.signal(signal.SIGTERM, lambda *_: self.begin())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the supervisor decides
        Thread(target=self._wait_for_supervisor, daemon=True, name="lifeline").start()

    def _wait_for_supervisor(self) -> None:
        for line in sys.stdin.buffer:
            self.obey(msgspec.json.decode(line, type=EngineOrder))
        self.begin()

    def begin(self) -> None:
        """End the process, or, the second time, end it at once."""
        if self._has_begun:
            os._exit(0)
        self._has_begun = True
        Thread(target=self._end, daemon=True, name="ending").start()

    def _end(self) -> None:
        self.before()
        os._exit(0)


if __name__ == "__main__":
    main()
