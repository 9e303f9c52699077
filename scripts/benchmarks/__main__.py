"""The command line of the benchmarks: `scripts/bench compare | speed | http | sampling | structure | clients | ...`.

It reads options and says what went wrong; what is measured, and how, is in the modules of the same names.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from scripts.benchmarks.asking.work import WorkRefused
from scripts.benchmarks.comparison import compare
from scripts.benchmarks.measurements import crowd, http_cost, rendering, speed, storage_cost
from scripts.benchmarks.models.make_model import NoTokenizer, make_model, tokenizer_source
from scripts.benchmarks.models.shapes import SHAPES
from scripts.benchmarks.servers.build_llama_cpp import BuildFailed, Tools, build_tools, default_cache, fetch_source
from scripts.benchmarks.servers.chromium import NoBrowser
from scripts.benchmarks.servers.databases import databases
from scripts.benchmarks.servers.running import NotReady, ServerDied, Setup
from server.models.cores import num_physical_cores

EXPECTED_FAILURES = (BuildFailed, NoBrowser, NoTokenizer, NotReady, ServerDied, WorkRefused, speed.ToolFailed, OSError)
DIRECTORY = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
Command = TypeVar("Command", bound=Callable[..., Any])


# --- options that several benchmarks share --------------------------------------------------------------------------


def setup_options(num_slots: int, n_ctx: int) -> Callable[[Command], Command]:
    """Model, slots, context and threads, with defaults that fit the benchmark."""

    def decorate(command: Command) -> Command:
        for option in (
            click.option("--threads", default=num_physical_cores(), show_default="physical cores"),
            click.option("--n-ctx", default=n_ctx, show_default=True, help="Tokens per sequence."),
            click.option("--slots", default=num_slots, show_default=True),
            click.option("--model", type=FILE, help="A GGUF file; the demo model if none is given."),
        ):
            command = option(command)
        return command

    return decorate


def tools_options(command: Command) -> Command:
    """Where llama.cpp's programs come from."""
    for option in (
        click.option("--jobs", type=click.IntRange(min=1), help="Compilers at once; all cores if not given."),
        click.option("--source", type=DIRECTORY, help="Unpacked source package of llama-cpp-python; else pip has it."),
        click.option("--cache", type=click.Path(path_type=Path), default=default_cache, help="Where builds are kept."),
        click.option("--tools", type=DIRECTORY, help="Directory with llama-server and the others, already built."),
    ):
        command = option(command)
    return command


set_option = click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A PARLEY_ variable for Parley.")
rounds_option = click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1))


def streams_option(*default: int) -> Callable[[Command], Command]:
    return click.option(
        "--streams", "num_streams", multiple=True, type=click.IntRange(min=1), default=default, help="At once."
    )


def check_streams(num_streams: tuple[int, ...], slots: int) -> None:
    if max(num_streams) > slots:
        raise click.UsageError(f"--streams {max(num_streams)} needs as many --slots, not {slots}.")


def make_setup(model: Path | None, slots: int, n_ctx: int, threads: int) -> Setup:
    return Setup((model or tokenizer_source()).resolve(), slots, n_ctx, threads)


def find_tools(tools: Path | None, cache: Path, source: Path | None, jobs: int | None) -> Tools:
    return Tools(tools.resolve()) if tools else build_tools(cache, source, jobs)


def settings_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` pairs as variables; the name may leave out `PARLEY_`."""
    split = [pair.partition("=") for pair in pairs]
    return {f"PARLEY_{name.removeprefix('PARLEY_')}": value for name, _, value in split}


def explained(command: Command) -> Command:
    """What may go wrong on any machine ends in a message and not in a traceback."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except EXPECTED_FAILURES as error:
            sys.exit(f"bench: {error}")

    return run  # type: ignore[return-value]  # the wrapper takes whatever click gives


# --- the commands ---------------------------------------------------------------------------------------------------


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Measure Parley on this machine. Each benchmark prints a table and, last, one JSON line."""
    # An exit that unwinds, so that no server outlives its benchmark.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


@main.command("build")
@tools_options
@explained
def build(**where: Any) -> None:
    """Build llama-server, llama-bench and llama-batched-bench, and print where they are."""
    print(find_tools(**where).directory)


@main.command("speed")
@setup_options(num_slots=4, n_ctx=2048)
@tools_options
@rounds_option
@click.option("--prompt", "num_prompt_tokens", default=512, help="Tokens of the prompt whose prefill is timed.")
@click.option("--tokens", "num_tokens", default=128, help="Tokens that each stream decodes.")
@streams_option(1, 4)
@explained
def speed_command(
    model: Path | None,
    slots: int,
    n_ctx: int,
    threads: int,
    rounds: int,
    num_prompt_tokens: int,
    num_tokens: int,
    num_streams: tuple[int, ...],
    **where: Any,
) -> None:
    """Decode and prefill through HTTP against llama-bench and llama-server, in pairs."""
    check_streams(num_streams, slots)
    plan = speed.Plan(num_prompt_tokens, num_tokens, num_streams, rounds)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        speed.run(make_setup(model, slots, n_ctx, threads), plan, find_tools(**where), Path(scratch))


@main.command("compare")
@click.option("--model", type=FILE, help="A GGUF file; a Qwen2.5-0.5B shape with random weights if none is given.")
@click.option("--threads", default=num_physical_cores(), show_default="physical cores")
@click.option("--work", "names", multiple=True, type=click.Choice(compare.NAMES), help="All by default.")
@click.option("--image", type=click.Path(path_type=Path), help="Where to draw the ratios, such as docs/comparison.svg.")
@tools_options
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(min=1))
@set_option
@explained
def compare_command(
    model: Path | None,
    threads: int,
    names: tuple[str, ...],
    image: Path | None,
    rounds: int,
    pairs: tuple[str, ...],
    **where: Any,
) -> None:
    """Parley against llama-server on streams, shared and long prompts, many conversations, a restart, a burst."""
    model = (model or compare.default_model(where["cache"])).resolve()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        works, tools, settings = names or compare.NAMES, find_tools(**where), settings_of(pairs)
        compare.run(model, threads, works, rounds, tools, Path(scratch), image, settings)


@main.command("http")
@setup_options(num_slots=16, n_ctx=1024)
@rounds_option
@streams_option(1, 4, 16)
@click.option("--tokens", "num_tokens", default=128, help="Tokens that each stream decodes.")
@click.option("--requests", "num_requests", default=100, help="Single requests whose times are taken.")
@set_option
@explained
def http_command(
    model: Path | None,
    slots: int,
    n_ctx: int,
    threads: int,
    rounds: int,
    num_tokens: int,
    num_requests: int,
    num_streams: tuple[int, ...],
    pairs: tuple[str, ...],
) -> None:
    """CPU of the workers per streamed token, and what a request takes besides the engine's steps."""
    check_streams(num_streams, slots)
    plan = http_cost.Plan(num_streams, num_tokens, rounds, num_requests)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        http_cost.run(make_setup(model, slots, n_ctx, threads), plan, Path(scratch), settings_of(pairs))


@main.command("sampling")
@setup_options(num_slots=16, n_ctx=256)
@click.option("--steps", "num_steps", default=50, help="Steps, and tokens, that are timed of each kind.")
@explained
def sampling_command(model: Path | None, slots: int, n_ctx: int, threads: int, num_steps: int) -> None:
    """What choosing a token takes, and what a step takes besides its forward pass, in this process."""
    from scripts.benchmarks.measurements import sampling  # loads llama.cpp, which the other benchmarks do not need

    sampling.run(make_setup(model, slots, n_ctx, threads), num_steps)


@main.command("structure")
@setup_options(num_slots=16, n_ctx=256)
@streams_option(1, 16)
@click.option("--steps", "num_steps", default=100, help="Steps that are timed of each number of sequences.")
@explained
def structure_command(
    model: Path | None, slots: int, n_ctx: int, threads: int, num_streams: tuple[int, ...], num_steps: int
) -> None:
    """What a JSON Schema adds to each token, in this process."""
    from scripts.benchmarks.measurements import structure  # loads llama.cpp, which the other benchmarks do not need

    check_streams(num_streams, slots)
    structure.run(make_setup(model, slots, n_ctx, threads), num_streams, num_steps)


@main.command("clients")
@setup_options(num_slots=8, n_ctx=2048)
@click.option("--clients", "num_clients", default=64, help="Clients at once.")
@click.option("--waves", "num_waves", default=4, help="How often they all come.", type=click.IntRange(min=1))
@click.option("--tokens", "num_tokens", default=48, help="Most tokens of an answer.", type=click.IntRange(min=4))
@click.option("--leave-every", default=4, help="One client in so many hangs up midway.", type=click.IntRange(min=1))
@click.option("--max-growth-mb", default=8.0, help="What workers and engine may gain from wave 2 to the last.")
@set_option
@explained
def clients_command(
    model: Path | None, slots: int, n_ctx: int, threads: int, pairs: tuple[str, ...], **numbers: Any
) -> None:
    """Many clients on few slots, some leaving midway: all answered or refused, no slot lost, memory flat."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        setup = make_setup(model, slots, n_ctx, threads)
        is_well = crowd.run(setup, crowd.Plan(**numbers), Path(scratch), settings_of(pairs))
    sys.exit(0 if is_well else 1)


@main.command("storage")
@click.option("--turns", "num_turns", default=100, help="Of each kind, for times of single turns.")
@click.option("--clients", "num_clients", default=64, help="At once, each in a conversation of its own.")
@click.option("--turns-each", "turns_per_client", default=6, help="Of each client; once to warm up, once measured.")
@click.option("--workers", "num_workers", multiple=True, type=click.IntRange(min=1), default=(1, 3))
@click.option("--conversations", "num_conversations", default=100_000, help="In the long list.")
@click.option(
    "--postgresql", "url", help="A server on which databases may be created; a throw-away one if none is given."
)
@explained
def storage_command(url: str | None, **numbers: Any) -> None:
    """What a stored turn adds, turns per second, long lists, with a model that answers at once, on both databases."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, databases(Path(scratch), url) as new_url:
        setup = make_setup(None, numbers["num_clients"], 2048, 1)
        storage_cost.run(setup, storage_cost.Plan(**numbers), Path(scratch), new_url)


@main.command("page")
@rounds_option
@click.option("--messages", "num_messages", multiple=True, type=click.IntRange(min=0), default=(0, 500, 2000))
@click.option("--conversations", "num_conversations", default=10_000, help="In the long list.")
@click.option("--entries", "num_entries", default=1000, help="Of the long list, until which it is scrolled.")
@click.option("--tokens", "num_tokens", default=1000, help="Of an answer.")
@click.option("--per-second", "tokens_per_second", default=100, help="Tokens, while it is written.")
@explained
def page_command(**numbers: Any) -> None:
    """What the chat page costs in chromium: bytes, CPU of an answer, times until something is there."""
    from scripts.benchmarks.measurements import page_cost  # needs a driver that the other benchmarks do not

    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        page_cost.run(make_setup(None, 4, 1 << 16, 1), page_cost.Plan(**numbers), Path(scratch))


@main.command("templates")
@click.option("--template", "names", multiple=True, help="One by its name, with all that differs. All by default.")
@tools_options
@explained
def templates_command(names: tuple[str, ...], **where: Any) -> None:
    """What the chat templates of real models make of seven conversations, here and in llama-server."""
    source = where["source"] or fetch_source(where["cache"])
    if unknown := set(names) - set(rendering.published_templates(source)):
        raise click.UsageError(f"There is no template {', '.join(sorted(unknown))} in {source / rendering.TEMPLATES}.")
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        model = Path(scratch) / "tiny.gguf"
        make_model(model, SHAPES["tiny"])
        rendering.run(make_setup(model, 1, 512, 1), names, find_tools(**where), source, Path(scratch))


if __name__ == "__main__":
    main(prog_name="scripts/bench")
