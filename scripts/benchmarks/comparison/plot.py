"""Draws the ratios of a comparison as horizontal bars on a logarithmic axis: left of 1, Parley needs less.

Rates are turned round, so that shorter is better in every bar. It knows nothing of servers or rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks.comparison.result import Result

OURS, MISSED = "#2a7f62", "#c8553d"


def draw(path: Path, results: Sequence[Result], title: str) -> None:
    """Write an image in the format that the file's ending says."""
    # Loaded only by who wants the image: it takes a second.
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    lengths = [1 / result.ratio.median if result.is_rate else result.ratio.median for result in results]
    aims = [1 / result.aim if result.is_rate else result.aim for result in results]
    names = [f"{result.name} (inverse)" if result.is_rate else result.name for result in results]
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(results) + 1.2), layout="constrained")
    places = range(len(results))
    axes.barh(places, lengths, color=[OURS if result.is_reached else MISSED for result in results])
    axes.scatter(aims, places, marker="|", s=160, color="black", zorder=3, label="aim")
    axes.axvline(1, color="gray", linewidth=1, linestyle="--", label="llama-server")
    axes.set_xscale("log")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_title(title)
    axes.legend(loc="lower right")
    # No date and no random ids: the same numbers give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "parley"
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
