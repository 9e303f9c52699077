"""The line of JSON from which an engine starts."""

from __future__ import annotations

import json

import msgspec
import pytest

from server.protocol.engine_config import EngineConfig, EngineOptions, LoraAdapter

OPTIONS = EngineOptions(num_slots=2, num_threads=3, lora=(LoraAdapter("/l/a.gguf", 0.5),), kv_disk_mb=7, kv_dir="/kv")
CONFIG = EngineConfig(model_id="m", model_path="/m.gguf", socket_path="/run/x.sock", options=OPTIONS)


def test_a_config_survives_the_way_to_the_engine() -> None:
    assert msgspec.json.decode(msgspec.json.encode(CONFIG), type=EngineConfig) == CONFIG


@pytest.mark.parametrize("place", [(), ("options",)])
def test_what_an_engine_does_not_know_is_refused_by_name(place: tuple[str, ...]) -> None:
    line = json.loads(msgspec.json.encode(CONFIG))
    (line[place[0]] if place else line)["num_wheels"] = 4
    with pytest.raises(msgspec.ValidationError, match="unknown field `num_wheels`"):
        msgspec.json.decode(json.dumps(line), type=EngineConfig)
