"""`parley serve`: becomes gunicorn with the project's gunicorn.conf.py.

A bare `gunicorn` in the checkout runs that file as well; everything about starting lies there. Options are handed on
as variables, and nothing is read or checked here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import click

from server.cli.options import config_option

GUNICORN_CONFIG = "gunicorn.conf.py"

SERVE_OPTIONS = ("bind", "model", "workers", "slots", "n_ctx", "threads", "n_gpu_layers", "data_dir", "log_level")
"""Settings that are options of `parley serve` too. Any other is set by file or variable."""

Command = TypeVar("Command", bound=Callable[..., Any])


def setting_options(command: Command) -> Command:
    for name in reversed(SERVE_OPTIONS):
        option = f"--{name.replace('_', '-')}"
        command = click.option(option, metavar="VALUE", help=f"Instead of PARLEY_{name.upper()}.")(command)
    return command


@click.command()
@config_option
@setting_options
@click.option("--allow-public-bind", is_flag=True, help="Let everyone in who can reach the address.")
def serve(config: Path | None, allow_public_bind: bool, **values: str | None) -> None:
    """Serve the configured model, or the demo model."""
    environ = dict(os.environ)
    environ |= {f"PARLEY_{name.upper()}": value for name, value in values.items() if value is not None}
    if config is not None:
        environ["PARLEY_CONFIG"] = str(config)
    if allow_public_bind:
        environ["PARLEY_ALLOW_PUBLIC_BIND"] = "true"
    # The same process goes on as gunicorn: whoever started us signals and waits for the server itself.
    os.execve(sys.executable, [sys.executable, "-m", "gunicorn", "--config", str(find_gunicorn_config())], environ)


def find_gunicorn_config() -> Path:
    """gunicorn.conf.py beside the packages of a checkout, or where an installed package put it as a data file."""
    in_checkout = Path(__file__).resolve().parents[2] / GUNICORN_CONFIG
    if in_checkout.is_file():
        return in_checkout
    for file in metadata.files("parley") or ():
        if file.name == GUNICORN_CONFIG:
            return Path(os.fspath(file.locate())).resolve()
    raise click.ClickException(f"{GUNICORN_CONFIG} was not installed with Parley; install Parley again.")
