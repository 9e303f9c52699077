"""scripts/bench sampling: the engine and llama.cpp's chain, timed in this process."""

from __future__ import annotations

from scripts.benchmarks.measurements.sampling import KINDS, load, step_figures, text_table, token_figures
from scripts.benchmarks.servers.running import Setup
from server.models.source import demo_model_path


def test_a_token_and_a_step_are_timed() -> None:
    path = demo_model_path()
    assert path is not None
    model = load(Setup(path, num_slots=2, n_ctx=64, num_threads=1))
    kind = "defaults, 20 logprobs"
    assert kind in KINDS
    figures = token_figures(model, kind, num_steps=3) | step_figures(model, kind, num_steps=3)
    assert {name: len(each.samples) for name, each in figures.items()} == {
        "ours (ms a token)": 3,
        "llama.cpp (ms a token)": 3,
        "step (ms)": 2,
        "besides decode (ms)": 2,
        "share (%)": 2,
    }
    assert all(sample > 0 for each in figures.values() for sample in each.samples)
    assert len(text_table({kind: figures}, 49152).splitlines()) == 3
