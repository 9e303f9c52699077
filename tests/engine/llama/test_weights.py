"""What a model's file says beside its weights."""

from __future__ import annotations

import struct
from pathlib import Path

import llama_cpp.llama_cpp as llama
import pytest

from server.engine.llama.weights import Weights
from server.models.source import demo_model_path
from tests.models.gguf_maker import string, value

KEY = "tokenizer.chat_template"
NUM_KEYS_OFFSET = 16


@pytest.fixture
def two_templates(tmp_path: Path) -> Path:
    """The demo model with two short templates in the place of its own: nothing else in the file moves."""
    demo = demo_model_path()
    assert demo is not None, "the demo model is not installed"
    content = bytearray(demo.read_bytes())
    head = string(KEY) + struct.pack("<I", 8)
    start = content.index(head)
    (length,) = struct.unpack_from("<Q", content, start + len(head))
    end = start + len(head) + 8 + length
    general = string(KEY) + value("general")
    num_left = end - start - len(general) - len(string(f"{KEY}.tool_use") + value(""))
    content[start:end] = general + string(f"{KEY}.tool_use") + value("for tools".ljust(num_left))
    (num_keys,) = struct.unpack_from("<Q", content, NUM_KEYS_OFFSET)
    struct.pack_into("<Q", content, NUM_KEYS_OFFSET, num_keys + 1)
    path = tmp_path / "two_templates.gguf"
    path.write_bytes(content)
    return path


def test_the_template_for_tools_is_read_beside_the_general_one(two_templates: Path) -> None:
    weights = Weights(str(two_templates), 0)
    assert weights.chat_template() == "general"
    assert (weights.chat_template("tool_use") or "").rstrip() == "for tools"


def test_without_a_gpu_everything_is_on_the_cpu() -> None:
    has_gpu = llama.llama_supports_gpu_offload()
    assert Weights(str(demo_model_path()), 0).device == "cpu"
    assert Weights(str(demo_model_path()), 1).device == ("mixed" if has_gpu else "cpu")
    assert Weights(str(demo_model_path()), None).device == ("gpu" if has_gpu else "cpu")


def test_a_file_without_a_template_of_that_name_has_none() -> None:
    weights = Weights(str(demo_model_path()), 0)
    assert weights.chat_template()
    assert weights.chat_template("tool_use") is None
