"""Whether a grammar can be compiled and followed within bounds, tried in a process that may fail in the engine's place.

llguidance cannot be interrupted, and for some grammars of a few hundred characters it takes all the memory there is.
The process starts with the first grammar and ends with its standard input. While it works it is halted again and again,
so that the engine's threads have the cores. It does not know what grammars are for.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from queue import SimpleQueue

import msgspec
from llguidance import LLTokenizer, TokenizerWrapper

from server.engine.grammar.guidance import GrammarError, MatcherGrammar, compile_grammar, on_deep_stack
from server.protocol.framing import FrameReader, frame
from server.protocol.values import Grammar

logger = logging.getLogger(__name__)

MAX_SECONDS = 3.0
"""Seconds for compiling a grammar and following it a little; ordinary grammars take milliseconds."""
MAX_BYTES = 1 << 30
"""Bytes of memory for compiling, beyond those that the process has before. The largest ordinary grammars take a tenth
of it."""
RUN_SECONDS = 0.02
"""Seconds for which the process runs until it is halted."""

PAUSE_SECONDS = 0.02
"""Seconds for which the process is halted.

The engine's threads spin while they wait for each other. Unless each is bound to a core (`supervisor.launcher`),
anything else that runs may make two of them share a core. Then a token takes a second, or as long as the other thing
runs. Even if they are bound, a core that is shared is half a core.
"""
NUM_REHEARSALS = 2
"""Random walks through a grammar that must succeed."""

MAX_START_SECONDS = 60.0
"""Seconds until a new process must be ready; usually it takes half a second."""
MAX_COMPLAINT_CHARACTERS = 1000
"""Characters of a complaint at most, so that it is written into the pipe at once."""

CHECKOUT = Path(__file__).parents[3]
SPECIAL_MARK = b"\xff"
"""First byte of a control token's piece, by which llguidance tells it apart; no UTF-8 text has this byte."""

READY = b"\n"
"""Line that a new process writes when it is ready."""

PR_SET_PDEATHSIG = 1
PROGRAM = f"""
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, signal.SIGKILL)
os.setpgrp()
from {__name__} import main
main()
"""
"""Source of the process.

First it makes sure that it ends with the engine, or with the thread that started it, even while it is halted. Where
there is no `prctl`, the system hangs up on a halted process in an orphaned group, so it has a group of its own.
"""


class GrammarUntried(Exception):
    """The trial could not take place; the message is for the client."""


class GrammarTrial:
    """A process that compiles grammars, and is replaced when one is too much for it. Thread-safe; tries one at a time.

    `pieces` returns the bytes by which llguidance knows each token.
    """

    def __init__(self, pieces: Callable[[], list[bytes]], eog_tokens: Collection[int]) -> None:
        self._pieces = pieces
        self._eog_tokens = eog_tokens
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def complaint(self, grammar: Grammar) -> str:
        """The reason why a grammar cannot be compiled or followed; empty if it can.

        Raises:
            GrammarUntried: if there is no process to try it.
        """
        with self._lock:
            process = self._process = self._process or self._start()
            deadline = time.monotonic() + MAX_SECONDS
            if _send(process, grammar) and (line := _read_line(process, deadline)):
                return msgspec.json.decode(line, type=str)
            self._end()
        if time.monotonic() >= deadline:
            return f"compiling it takes more than {MAX_SECONDS:g} seconds"
        return f"compiling it takes more than {MAX_BYTES >> 20} MiB of memory"

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=CHECKOUT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # an allocator that gives up prints whole pages
            bufsize=0,
        )
        vocabulary = (self._pieces(), sorted(self._eog_tokens))
        if not _send(process, vocabulary) or _read_line(process, time.monotonic() + MAX_START_SECONDS) != READY:
            self._process = process
            self._end()
            logger.error("the process that tries grammars does not start")
            raise GrammarUntried("the server cannot check it now; please retry")
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()


def _send(process: subprocess.Popen[bytes], message: object) -> bool:
    """Write a message to the process. Returns whether it took all of it."""
    assert process.stdin is not None
    rest = memoryview(frame(message))
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[process.stdin.write(rest) :]
    return not rest


def _read_line(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """The next line of the process; empty if it ends or is too late. Until then the process works, with pauses."""
    assert process.stdout is not None
    said = b""
    while not said.endswith(b"\n"):
        seconds_left = deadline - time.monotonic()
        is_there, _, _ = select.select([process.stdout], [], [], max(0.0, min(RUN_SECONDS, seconds_left)))
        if is_there:
            if not (more := process.stdout.read(1 << 16)):
                return b""
            said += more
        elif seconds_left <= 0:
            return b""
        else:
            _pause(process.pid)
    return said


def _pause(pid: int) -> None:
    """Halt the process for a while, unless it has only begun and might stay halted for ever."""
    with contextlib.suppress(ProcessLookupError):  # it may have ended
        if os.getpgid(pid) == pid:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(PAUSE_SECONDS)
            os.kill(pid, signal.SIGCONT)


# --- the process ----------------------------------------------------------------------------------------------------


class _Tokens:
    """The parts of a tokenizer that llguidance asks for. It cuts text into bytes, which is good enough for a trial."""

    bos_token_id = None

    def __init__(self, pieces: list[bytes], eog_tokens: list[int]) -> None:
        self.tokens = pieces
        self.eos_token_id = eog_tokens[0] if eog_tokens else 0
        self.special_token_ids = [token for token, piece in enumerate(pieces) if piece.startswith(SPECIAL_MARK)]
        self._byte_tokens = {piece[0]: token for token, piece in enumerate(pieces) if len(piece) == 1}

    def __call__(self, text: bytes) -> list[int]:
        return [self._byte_tokens[byte] for byte in text if byte in self._byte_tokens]


def main() -> None:
    bodies: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read_frames, args=(bodies,), daemon=True).start()
    pieces, eog_tokens = msgspec.msgpack.decode(bodies.get(), type=tuple[list[bytes], list[int]])
    tokenizer = LLTokenizer(TokenizerWrapper(_Tokens(pieces, eog_tokens)), eos_token=eog_tokens or None)
    on_deep_stack(lambda: None)  # the memory of this stack is kept for the next one
    _limit_memory()
    os.write(1, READY)
    while True:
        grammar = msgspec.msgpack.decode(bodies.get(), type=Grammar)
        outcome = compile_grammar(tokenizer, grammar)
        complaint = str(outcome) if isinstance(outcome, GrammarError) else _rehearse(outcome)
        os.write(1, msgspec.json.encode(complaint[:MAX_COMPLAINT_CHARACTERS]) + b"\n")


def _rehearse(compiled: MatcherGrammar) -> str:
    return next(filter(None, map(compiled.rehearse, range(NUM_REHEARSALS))), "")


def _read_frames(bodies: SimpleQueue[bytes]) -> None:
    """Queue what the engine sends. When the engine is gone, end the process, whatever it does."""
    reader = FrameReader()
    while data := os.read(0, 1 << 16):
        for body in reader.feed(data):
            bodies.put(body)
    os._exit(0)


def _limit_memory() -> None:
    """Allow `MAX_BYTES` more memory, where the system says how much there is. Reaching the limit ends the process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.exists():
        limit = int(statm.read_text().split()[0]) * resource.getpagesize() + MAX_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
