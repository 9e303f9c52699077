"""Recommendations in a model's file, good and bad."""

from __future__ import annotations

import logging

import pytest

from server.engine.llama.recommended import recommended_sampling


def test_the_names_are_ours_and_what_is_missing_is_left_out() -> None:
    metadata = {
        "general.sampling.temp": "0.600000",
        "general.sampling.top_k": "20",
        "general.sampling.penalty_repeat": "1.05",
        "general.sampling.penalty_last_n": "128",
        "general.sampling.xtc_probability": "0.5",
        "general.sampling.mirostat": "2",
    }
    assert recommended_sampling(lambda key: metadata.get(key, "")) == {
        "temperature": 0.6,
        "top_k": 20,
        "repeat_penalty": 1.05,
        "penalty_last_n": 128,
        "xtc_probability": 0.5,
        "mirostat": 2,
    }


@pytest.mark.parametrize("text", ["warm", "nan", "-1", "inf", "1e9"])
def test_nonsense_is_told_and_left_out(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert recommended_sampling(lambda key: text if key.endswith(".top_p") else "") == {}
    assert f"top_p = {text}" in caplog.text
