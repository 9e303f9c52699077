"""GET /metrics of a real server: any worker gives the numbers of the one engine."""

from __future__ import annotations

import urllib.request

from openai import OpenAI
from prometheus_client.parser import text_string_to_metric_families

from tests.live_server import PATIENCE_SECONDS, LiveServer

MODEL = "SmolLM2-135M-Instruct"


def scrape(server: LiveServer) -> dict[str, float]:
    """The numbers without labels other than the model's, by name."""
    with urllib.request.urlopen(f"{server.origin}/metrics", timeout=PATIENCE_SECONDS) as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        text = response.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name: sample.value for sample in samples if sample.labels == {"model_name": MODEL}}


def test_a_completion_is_seen_in_the_numbers(server: LiveServer, client: OpenAI) -> None:
    before = scrape(server)
    completion = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Count to three."}], max_tokens=5
    )
    assert completion.usage is not None
    after = scrape(server)

    def grown(name: str) -> float:
        return after[f"parley:{name}"] - before[f"parley:{name}"]

    assert after["parley:engine_up"] == 1
    assert after["parley:num_slots"] == 4
    assert grown("prompt_tokens_total") == completion.usage.prompt_tokens
    assert grown("generation_tokens_total") == completion.usage.completion_tokens
    assert grown("time_to_first_token_seconds_count") == 1
    assert grown("inter_token_latency_seconds_count") == completion.usage.completion_tokens - 1


def test_a_server_without_its_model_still_answers(keeper: LiveServer) -> None:
    status, _, _ = keeper.request("GET", "/healthz")
    assert status == 200
    request = urllib.request.Request(f"{keeper.origin}/metrics", headers={"X-User-ID": "ada"})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
        assert b'parley:engine_up{model_name="nowhere"} 0.0' in response.read()
