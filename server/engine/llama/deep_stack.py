"""A thread whose stack is deep enough for one text: llama.cpp's tokenizer calls itself for every character of a word.

Many models' pre-tokenizers are regular expressions for `std::regex`, which goes one call deeper for each character that
an expression matches: a word of 30,000 letters overflows a stack of 8 MiB, and with it the process ends. How long a
word is depends on the expression: some go on over spaces, none goes on behind a newline, except in white space. Stacks
are address space; memory is only taken by a long word, and given back with the thread. This module does not know
tokens.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from server.engine.affinity import run_anywhere

SHALLOW_CHARS = 2_048
"""Characters of texts for which the stack of any thread is deep enough."""

STACK_BYTES_PER_CHAR = 768
"""Bytes of stack for a character of a word. libstdc++ on x86-64 takes up to 404, of all expressions that llama.cpp
has."""

SPARE_STACK_BYTES = 1 << 20
"""Bytes of stack for everything else."""

MAX_WORD_CHARS = 2_000_000
"""Characters up to which a line with the white space after it is taken: as one word it fills 800 MB of stack."""

_MEASURED_CHARS = 100_000
"""Characters from which it pays to look for the longest word; the stack of a shorter text is only address space."""

_BLANKS = re.compile(r"\s+")

_STACK_UNIT = 1 << 16
"""Stacks are whole pages on every system."""

T = TypeVar("T")


class WordTooLong(Exception):
    """A line with the white space after it may be one word, for which no stack is deep enough."""


def longest_word(text: str) -> int:
    """Bound of the characters that a pre-tokenizer may take for one word: those of a line and the white space after
    it."""
    if len(text) <= _MEASURED_CHARS:
        return len(text)
    blanks = max((match.end() - match.start() for match in _BLANKS.finditer(text)), default=0)
    return blanks + max(map(len, text.split("\n")))


def call_deep(text: str, function: Callable[[], T]) -> T:
    """The result of `function`, which tokenizes `text`, from a thread with a stack that is deep enough for it.

    Raises:
        WordTooLong: if no stack would be deep enough.
        RuntimeError: if the system has no address space for the stack.
    """
    if len(text) <= SHALLOW_CHARS:
        return function()
    num_chars = longest_word(text)
    if num_chars > MAX_WORD_CHARS:
        raise WordTooLong
    with ThreadPoolExecutor(max_workers=1, initializer=run_anywhere) as thread:
        with _stack_of(SPARE_STACK_BYTES + num_chars * STACK_BYTES_PER_CHAR):
            call = thread.submit(function)
        return call.result()


_stack_size_lock = threading.Lock()


@contextmanager
def _stack_of(num_bytes: int) -> Iterator[None]:
    """Threads that start have a stack of that size, rounded up. Python knows one size for all threads."""
    with _stack_size_lock:
        usual = threading.stack_size(-(-num_bytes // _STACK_UNIT) * _STACK_UNIT)
        try:
            yield
        finally:
            threading.stack_size(usual)
