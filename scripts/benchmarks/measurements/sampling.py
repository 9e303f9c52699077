"""What a step of the engine takes besides its forward pass: choosing tokens, making text of them, telling of them.

It loads a model into this process and calls the engine as the engine's own process does, without sockets and HTTP; the
same logits go through llama.cpp's sampler chain as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import msgspec

from scripts.benchmarks.measurements.decoding import NUM_WARM_UP, decoding
from scripts.benchmarks.report import Figure, cell, figure, json_line, table
from scripts.benchmarks.servers.running import Setup
from server.backends.local.submission import DEFAULT_SAMPLING
from server.engine.llama import native_log
from server.engine.llama.model import Model
from server.engine.runner import Span
from server.engine.sampling.dry import DryRules
from server.engine.sequence import Request
from server.protocol.engine_config import EngineConfig, EngineOptions
from server.protocol.framing import frame
from server.protocol.values import SamplingParams

KINDS: dict[str, SamplingParams] = {
    "greedy": SamplingParams(temperature=0),
    "Parley's defaults": SamplingParams(**DEFAULT_SAMPLING),
    "temperature 1, no filters": SamplingParams(),
    "top_p 0.9 alone": SamplingParams(top_p=0.9),
    "top_k 40, top_p 0.95, min_p 0.05": SamplingParams(top_k=40, top_p=0.95, min_p=0.05),
    "the same, penalties": SamplingParams(top_k=40, top_p=0.95, min_p=0.05, repeat_penalty=1.1, presence_penalty=0.5),
    "defaults, DRY, XTC": SamplingParams(**DEFAULT_SAMPLING, dry_multiplier=0.8, xtc_probability=0.5),
    "defaults, 20 logprobs": SamplingParams(**DEFAULT_SAMPLING),
}
NUM_PROMPT_TOKENS = 16
MILLISECONDS = 1e3


class TimedModel(Model):
    """Counts the time of its forward passes."""

    decode_seconds = 0.0

    def decode(self, spans: Iterable[Span]) -> list[int]:
        started = time.perf_counter()
        rows = super().decode(spans)
        if rows:
            self.logits(rows[0])  # waits for a GPU, whose passes run on by themselves
        self.decode_seconds += time.perf_counter() - started
        return rows


def load(setup: Setup) -> TimedModel:
    native_log.install()
    options = EngineOptions(num_slots=setup.num_slots, num_threads=setup.num_threads, n_ctx=setup.n_ctx)
    return TimedModel(
        EngineConfig(model_id="bench", model_path=str(setup.model), socket_path=str(Path()), options=options)
    )


def step_figures(model: TimedModel, kind: str, num_steps: int) -> dict[str, Figure]:
    """Milliseconds of steps in which every slot decodes."""
    rules = DryRules(llama.llama_model_get_vocab(model._model), model.n_ctx)
    max_tokens = NUM_WARM_UP + num_steps + 1
    requests = [make_request(model, index, kind, rules, max_tokens) for index in range(model.num_slots)]
    wholes, besides = [], []
    with decoding(model, requests) as engine:
        for _ in range(num_steps - 1):
            model.decode_seconds = 0.0
            started = time.perf_counter()
            frame([event for _, event in engine.step()])
            wholes.append((time.perf_counter() - started) * MILLISECONDS)
            besides.append(wholes[-1] - model.decode_seconds * MILLISECONDS)
    share = [100 * rest / whole for rest, whole in zip(besides, wholes, strict=True)]
    return {"step (ms)": figure(wholes), "besides decode (ms)": figure(besides), "share (%)": figure(share)}


def make_request(model: Model, index: int, kind: str, rules: DryRules, max_tokens: int) -> Request:
    params = msgspec.structs.replace(KINDS[kind], seed=index)
    vocabulary = model.vocabulary
    return Request(
        owner=None,
        request_id=index,
        prompt=[(997 * (index + 1) * (i + 1)) % vocabulary.num_tokens for i in range(NUM_PROMPT_TOKENS)],
        max_tokens=max_tokens,
        sampling=params,
        ignore_eos=True,
        dry_rule=rules.rule(params),
        num_top_logprobs=20 if "logprobs" in kind else None,
        cache_scope=str(index),
    )


def token_figures(model: Model, kind: str, num_steps: int) -> dict[str, Figure]:
    """Milliseconds to choose one token: ours, and llama.cpp's chain on the same logits, without DRY and XTC."""
    row = one_row(model)
    params = msgspec.structs.replace(KINDS[kind], seed=1)
    rule = DryRules(llama.llama_model_get_vocab(model._model), model.n_ctx).rule(params)
    sampler = model.sampler(params, False, rule)
    original, history = model.logits(row).copy(), list(range(NUM_PROMPT_TOKENS)) * 8
    ours = []
    for _ in range(num_steps):
        logits = model.logits(row)
        logits[:] = original
        started = time.perf_counter()
        sampler.sample(model.logits(row), history)
        ours.append((time.perf_counter() - started) * MILLISECONDS)
    sampler.close()
    model.logits(row)[:] = original
    return {
        "ours (ms a token)": figure(ours),
        "llama.cpp (ms a token)": figure(chain_times(model, row, params, num_steps)),
    }


def one_row(model: Model) -> int:
    """A row of logits of a pass of its own."""
    model.memory.clear(0)
    (row,) = model.decode([OneSpan(0, list(range(NUM_PROMPT_TOKENS)), 0, 1)])
    model.memory.clear(0)
    return row


class OneSpan(msgspec.Struct, frozen=True):
    """A prompt; implements `runner.Span`."""

    slot_index: int
    tokens: list[int]
    start: int
    num_logits: int
    num_padding: int = 0


def chain_times(model: Model, row: int, params: SamplingParams, num_steps: int) -> list[float]:
    """Milliseconds of llama.cpp's samplers in llama-server's order, without DRY and XTC."""
    chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    for sampler in llama_chain(params, model.vocabulary.num_tokens):
        llama.llama_sampler_chain_add(chain, sampler)
    times = []
    for _ in range(num_steps):
        started = time.perf_counter()
        llama.llama_sampler_sample(chain, model._context, row)
        times.append((time.perf_counter() - started) * MILLISECONDS)
    llama.llama_sampler_free(chain)
    return times


def llama_chain(params: SamplingParams, n_vocab: int) -> list[object]:
    if params.temperature == 0:
        return [llama.llama_sampler_init_greedy()]
    penalties = (params.penalty_last_n, params.repeat_penalty, params.frequency_penalty, params.presence_penalty)
    return [
        llama.llama_sampler_init_penalties(n_vocab, *penalties),
        llama.llama_sampler_init_top_k(params.top_k),
        llama.llama_sampler_init_top_p(params.top_p, 1),
        llama.llama_sampler_init_min_p(params.min_p, 1),
        llama.llama_sampler_init_temp(params.temperature),
        llama.llama_sampler_init_dist(1),
    ]


def text_table(figures: dict[str, dict[str, Figure]], n_vocab: int) -> str:
    columns = list(next(iter(figures.values())))
    rows = [[kind, *(cell(each[column], 3) for column in columns)] for kind, each in figures.items()]
    return table([f"{n_vocab} tokens, median (spread)", *columns], rows)


def run(setup: Setup, num_steps: int) -> None:
    """Measure and print."""
    model = load(setup)
    figures = {kind: token_figures(model, kind, num_steps) | step_figures(model, kind, num_steps) for kind in KINDS}
    print(text_table(figures, model.vocabulary.num_tokens))
    numbers: dict[str, Any] = {
        kind: {name: each.as_json() for name, each in of_kind.items()} for kind, of_kind in figures.items()
    }
    print(json_line("sampling", setup, {"n_vocab": model.vocabulary.num_tokens, "figures": numbers}))
