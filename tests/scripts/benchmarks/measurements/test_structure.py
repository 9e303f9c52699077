"""scripts/bench structure: constrained sequences in this process, timed."""

from __future__ import annotations

from scripts.benchmarks.measurements.sampling import load
from scripts.benchmarks.measurements.structure import compile_schema, figures_of
from scripts.benchmarks.servers.running import Setup
from server.models.source import demo_model_path


def test_a_constraint_is_timed() -> None:
    path = demo_model_path()
    assert path is not None
    model = load(Setup(path, num_slots=2, n_ctx=64, num_threads=1))
    figures = figures_of(model, compile_schema(model), num_sequences=2, num_steps=3)
    assert {name: len(each.samples) for name, each in figures.items()} == {
        "step (ms)": 2,
        "constraint (ms a token)": 2,
        "share (%)": 2,
    }
    assert all(sample > 0 for each in figures.values() for sample in each.samples)
