"""Medians with their spread, a table for people, one JSON line for programs. It knows no servers."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts.benchmarks.servers.running import Setup


@dataclass(frozen=True)
class Figure:
    """Repeated measurements of one thing, in order of the rounds."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def over(self, other: Figure) -> Figure:
        """The ratios of pairs: what was measured in the same round is compared, so that drift cancels out."""
        return Figure(tuple(mine / theirs for mine, theirs in zip(self.samples, other.samples, strict=True)))

    def as_json(self) -> dict[str, float]:
        return {"median": self.median, "min": min(self.samples), "max": max(self.samples)}


def figure(samples: Sequence[float]) -> Figure:
    return Figure(tuple(samples))


def cell(measured: Figure | None, digits: int = 1) -> str:
    """A median with its spread, as in `150.1 (148.0-151.7)`."""
    if measured is None:
        return "-"
    low, high = min(measured.samples), max(measured.samples)
    return f"{measured.median:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(aligned(line, widths)) for line in lines)


def aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [line[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))]


def json_line(benchmark: str, setup: Setup, figures: Mapping[str, Any]) -> str:
    """Everything in one line, with what is needed to compare it with another day's."""
    return json.dumps({"benchmark": benchmark, "machine": machine(), "setup": described(setup), **figures})


def machine() -> dict[str, Any]:
    return {
        "cpu": cpu_name(),
        "num_cpus": os.cpu_count(),
        "python": platform.python_version(),
        "llama_cpp_python": version("llama-cpp-python"),
    }


def cpu_name() -> str:
    """As the kernel calls it; the architecture where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def described(setup: Setup) -> dict[str, Any]:
    return {
        "model": setup.model.name,
        "num_slots": setup.num_slots,
        "n_ctx": setup.n_ctx,
        "num_threads": setup.num_threads,
    }
