"""What a model will take, against what it takes, for models of several shapes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from server.engine.host.process import _needed_bytes
from server.engine.llama import native_log
from server.engine.llama.weights import ModelLoadError
from server.models.source import demo_model_path
from server.protocol.engine_config import EngineConfig, EngineOptions, LoraAdapter
from tests.engine import tiny_models

LOADED = """
import sys, msgspec, psutil
from server.protocol.engine_config import EngineConfig
config = msgspec.json.decode(sys.argv[1], type=EngineConfig)
if config.options.is_embedding:
    from server.engine.embedding.model import EmbeddingModel as Model
else:
    from server.engine.llama.model import Model
before = psutil.Process().memory_info().rss
model = Model(config)
if config.options.is_embedding:
    model.embed([[5] * model.n_ctx])
else:
    class Span:
        slot_index, start, num_logits, num_padding = 0, 0, 1, 0
        tokens = [5] * min(model.max_step_tokens, model.n_ctx)
    model.decode([Span()])
print(psutil.Process().memory_info().rss - before)
"""


def demo_config(**options: object) -> EngineConfig:
    values = {"num_slots": 1, "num_threads": 1, **options}
    path = demo_model_path()
    assert path is not None
    return EngineConfig(
        model_id="m", model_path=str(path), socket_path="", options=msgspec.convert(values, EngineOptions)
    )


@pytest.fixture(autouse=True)
def _logged() -> None:
    native_log.install()


@pytest.mark.parametrize(
    "options",
    [
        {"n_ctx": 512},
        {"n_ctx": 2048, "num_slots": 4},
        {"n_ctx": 8192, "num_slots": 8},
        {"n_ctx": 8192, "num_slots": 4, "cache_type_k": "q8_0", "cache_type_v": "q8_0", "flash_attn": "on"},
        {"n_ctx": 1024, "is_embedding": True},
    ],
    ids=["small", "several slots", "large cache", "quantized cache", "embedding"],
)
def test_what_a_model_needs_is_what_it_takes(options: dict[str, object]) -> None:
    config = demo_config(**options)
    command = [sys.executable, "-c", LOADED, msgspec.json.encode(config).decode()]
    taken = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert _needed_bytes(config) == pytest.approx(taken, rel=0.1), "within a tenth"


def test_a_cache_takes_what_its_shape_says() -> None:
    small, large = (_needed_bytes(demo_config(n_ctx=8192, num_slots=num_slots)) for num_slots in (2, 4))
    per_token = 30 * 3 * 64 * 2 * 2  # layers, heads, numbers, bytes, keys and values
    assert large - small == pytest.approx(2 * 8192 * per_token, rel=0.05)


@pytest.mark.parametrize("write", [tiny_models.write_recurrent, tiny_models.write_sliding_window])
def test_models_with_other_kinds_of_memory_can_be_asked(tmp_path: Path, write: object) -> None:
    assert callable(write)
    path = write(tmp_path / "m.gguf")
    config = msgspec.structs.replace(demo_config(n_ctx=128), model_path=str(path))
    larger = msgspec.structs.replace(config, options=msgspec.structs.replace(config.options, num_slots=64))
    assert path.stat().st_size < _needed_bytes(config) < _needed_bytes(larger)


def test_adapters_and_a_small_model_that_guesses_count(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(bytes(3 << 20))
    config = demo_config(n_ctx=512)
    adapted = msgspec.structs.replace(config.options, lora=(LoraAdapter(str(tmp_path / "a.gguf")), LoraAdapter("none")))
    alone = _needed_bytes(config)
    assert _needed_bytes(msgspec.structs.replace(config, options=adapted)) == alone + (3 << 20)
    draft = msgspec.structs.replace(config, draft_model_path=config.model_path)
    assert _needed_bytes(draft) == pytest.approx(2 * alone, rel=0.01)


def test_what_cannot_be_loaded_is_said_as_the_load_would_say_it(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelLoadError, match="cannot load"):
        _needed_bytes(msgspec.structs.replace(demo_config(), model_path=str(tmp_path / "m.gguf")))


def test_a_gpu_that_is_not_there_is_missed_before_anything_is_loaded() -> None:
    from llama_cpp import llama_cpp

    if llama_cpp.llama_supports_gpu_offload():
        pytest.skip("there is a GPU")
    with pytest.raises(ModelLoadError, match="no GPU"):
        _needed_bytes(msgspec.structs.replace(demo_config(), needs_gpu=True))
