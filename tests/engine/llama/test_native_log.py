"""What llama.cpp logs, as an operator sees it."""

from __future__ import annotations

import ctypes
import logging

import pytest

from server.engine.llama import native_log

GGML_INFO, GGML_ERROR = 2, 4


def say(level: int, text: bytes) -> None:
    native_log._on_log(level, text, ctypes.c_void_p(0))


@pytest.mark.parametrize(
    "line",
    [
        b"llama_model_load_from_file_impl: using device CUDA0 (NVIDIA H200) (0000:01:00.0) - 143000 MiB free\n",
        b"load_tensors: offloaded 25/25 layers to GPU\n",
    ],
)
def test_devices_and_offloaded_layers_are_told(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "llama.cpp")
    say(GGML_INFO, line)
    assert [(record.levelno, record.message) for record in caplog.records] == [(logging.INFO, line.decode().strip())]


def test_other_chatter_is_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "llama.cpp")
    say(GGML_INFO, b"print_info: n_layer = 24\n")
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]


def test_errors_are_kept_for_whoever_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "llama.cpp")
    with native_log.captured() as complaints:
        say(GGML_ERROR, b"llama_model_load: error loading model: no such tensor\n")
        say(GGML_INFO, b"load_tensors: offloaded 0/25 layers to GPU\n")
    assert complaints.summary() == "error loading model: no such tensor"
