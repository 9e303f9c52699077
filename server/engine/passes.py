"""The order of a batch, which decides in how many passes over the weights llama.cpp computes it.

With one KV cache stream per sequence, llama.cpp computes a run of consecutive sequence ids in one pass. It begins
another pass wherever the next id is not the next number. Knows spans of slots; it does not know why they are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from server.engine.cost.pass_cost import PassCost
from server.engine.runner import Span

AnySpan = TypeVar("AnySpan", bound=Span)


def runs(spans: Sequence[AnySpan]) -> list[list[AnySpan]]:
    """The spans, cut where llama.cpp cuts them: wherever slots are not consecutive or lengths differ."""
    found: list[list[AnySpan]] = []
    for span in spans:
        last = found[-1][-1] if found else None
        if last and last.slot_index + 1 == span.slot_index and len(last.tokens) == len(span.tokens):
            found[-1].append(span)
        else:
            found.append([span])
    return found


def in_fastest_passes(spans: Sequence[AnySpan], cost: PassCost) -> list[AnySpan]:
    """The spans in an order in which llama.cpp computes them in the fastest passes known, each of spans of one length.

    The passes come with falling slots, so that none continues the one before. Otherwise llama.cpp would take a row from
    a chunk of a prompt for the pass of its neighbours that decode, and leave it a number of rows that its kernels do
    badly.
    """
    groups: list[list[AnySpan]] = []
    for run in runs(sorted(spans, key=lambda span: span.slot_index)):
        start = 0
        for num_rows in cost.partition(len(run)) if len(run[0].tokens) == 1 else [len(run)]:
            groups.append(run[start : start + num_rows])
            start += num_rows
    return [span for group in reversed(groups) for span in group]
