"""What a grammar adds to a step: for each token, what the engine's thread spends on masks or waits for them.

It loads a model into this process and calls the engine as the engine's own process does, without sockets and HTTP.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypeVar

from scripts.benchmarks.measurements.decoding import NUM_WARM_UP, decoding
from scripts.benchmarks.measurements.sampling import MILLISECONDS, load
from scripts.benchmarks.report import Figure, cell, figure, json_line, table
from scripts.benchmarks.servers.running import Setup
from server.engine.grammar.constraint import Constraint, ConstraintError
from server.engine.grammar.guidance import GrammarError, MatcherGrammar, compile_grammar
from server.engine.llama.model import Model
from server.engine.sequence import Request
from server.protocol.messages import Failed
from server.protocol.values import Grammar, SamplingParams, TextPiece

SCHEMA = {
    "type": "array",
    "minItems": 1000,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 3},
            "kind": {"enum": ["person", "place", "thing"]},
        },
        "required": ["name", "age", "tags", "kind"],
        "additionalProperties": False,
    },
}

T = TypeVar("T")


class Account:
    """Seconds of the engine's thread."""

    seconds = 0.0

    def timed(self, call: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return call()
        finally:
            self.seconds += time.perf_counter() - started


class TimedConstraint(Constraint):
    """Tells an account how long each call takes."""

    account: Account

    def apply(self, *args: object) -> None:
        self.account.timed(lambda: super(TimedConstraint, self).apply(*args))  # type: ignore[arg-type]

    def accept(self, token: int) -> None:
        self.account.timed(lambda: super(TimedConstraint, self).accept(token))

    def wait(self, deadline: float) -> bool:
        return self.account.timed(lambda: super(TimedConstraint, self).wait(deadline))


class TimedGrammar:
    """Implements `constraint.CompiledGrammar`."""

    def __init__(self, compiled: MatcherGrammar, account: Account) -> None:
        self._compiled = compiled
        self._account = account

    def constraint(self) -> Constraint:
        constraint = self._compiled.constraint()
        constraint.__class__ = TimedConstraint
        assert isinstance(constraint, TimedConstraint)
        constraint.account = self._account
        return constraint


def compile_schema(model: Model) -> MatcherGrammar:
    """Raises GrammarError."""
    compiled = compile_grammar(model.vocabulary.guidance_tokenizer(), Grammar("json_schema", json.dumps(SCHEMA)))
    if isinstance(compiled, GrammarError):
        raise compiled
    return compiled


def figures_of(model: Model, compiled: MatcherGrammar, num_sequences: int, num_steps: int) -> dict[str, Figure]:
    """Milliseconds of steps in which `num_sequences` constrained sequences decode."""
    account = Account()
    grammar = TimedGrammar(compiled, account)
    max_tokens = NUM_WARM_UP + num_steps + 1
    steps, constraints = [], []
    with decoding(model, [make_request(model, index, grammar, max_tokens) for index in range(num_sequences)]) as engine:
        for _ in range(num_steps - 1):
            account.seconds = 0.0
            started = time.perf_counter()
            events = engine.step()
            steps.append((time.perf_counter() - started) * MILLISECONDS)
            constraints.append(account.seconds * MILLISECONDS)
            if failed := next((event for _, event in events if isinstance(event, Failed)), None):
                raise ConstraintError(failed.message)
    return {
        "step (ms)": figure(steps),
        "constraint (ms a token)": figure([each / num_sequences for each in constraints]),
        "share (%)": figure([100 * each / step for each, step in zip(constraints, steps, strict=True)]),
    }


def make_request(model: Model, index: int, grammar: TimedGrammar, max_tokens: int) -> Request:
    return Request(
        owner=None,
        request_id=index,
        prompt=model.vocabulary.tokenize([TextPiece(f"Person number {index} in JSON:", False)]),
        max_tokens=max_tokens,
        sampling=SamplingParams(top_k=40, min_p=0.05, temperature=0.8, seed=index),
        grammar=grammar,
        cache_scope=str(index),
    )


def run(setup: Setup, num_streams: tuple[int, ...], num_steps: int) -> None:
    """Measure and print."""
    model = load(setup)
    compiled = compile_schema(model)
    n_vocab = model.vocabulary.num_tokens
    figures = {str(number): figures_of(model, compiled, number, num_steps) for number in num_streams}
    columns = list(next(iter(figures.values())))
    rows = [[number, *(cell(each[column], 3) for column in columns)] for number, each in figures.items()]
    print(table([f"sequences, {n_vocab} tokens, median (spread)", *columns], rows))
    numbers = {number: {name: each.as_json() for name, each in of.items()} for number, of in figures.items()}
    print(json_line("structure", setup, {"n_vocab": n_vocab, "figures": numbers}))
