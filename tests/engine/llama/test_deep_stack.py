"""Words of any length through the pre-tokenizers that call themselves for every character."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.benchmarks.models.make_model import make_model
from scripts.benchmarks.models.shapes import SHAPES
from server.engine.llama.deep_stack import MAX_WORD_CHARS, WordTooLong, call_deep, longest_word

TOKENIZE = """
import hashlib, sys
from pathlib import Path
from tests.engine.llama.test_vocabulary import open_vocabulary
vocabulary = next(open_vocabulary(Path(sys.argv[1])))
for unit in sys.argv[2:]:
    tokens = vocabulary.tokenize_text(unit * 100_000, parse_special=False, adds_special=False)
    assert b"".join(map(vocabulary.token_bytes, tokens)) == (unit * 100_000).encode(), unit
    print(len(tokens))
"""
"""In a process of its own, which a stack that is not deep enough would end."""


@pytest.mark.parametrize("name", ["gpt-4o", "tekken", "deepseek-llm", "deepseek-v3", "viking", "youtu", "exaone-moe"])
def test_words_of_a_hundred_thousand_characters_have_tokens(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    make_model(path, replace(SHAPES["tiny"], pre_tokenizer=name))
    command = [sys.executable, "-c", TOKENIZE, str(path), "a", " ", "7", "漢", "!", "\n"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 6


def test_short_texts_stay_on_their_thread() -> None:
    assert call_deep("a" * 10, threading.get_ident) == threading.get_ident()
    assert call_deep("a" * 10_000, threading.get_ident) != threading.get_ident()


def test_an_error_on_the_deep_thread_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        call_deep("a" * 10_000, lambda: 1 // 0)


def test_the_stack_of_other_threads_stays_as_it_is() -> None:
    before = threading.stack_size()
    call_deep("a" * 10_000, lambda: None)
    assert threading.stack_size() == before


def test_lines_bound_the_words_of_long_texts() -> None:
    assert longest_word("a" * 10) == 10
    assert longest_word("words and words\n" * 100_000) == len("words and words") + 1
    assert longest_word("a\n" + " \n" * 100_000) == 200_001 + 1


def test_a_line_without_any_end_is_refused() -> None:
    with pytest.raises(WordTooLong):
        call_deep("a" * (MAX_WORD_CHARS + 1), lambda: None)
