"""The command `parley`: serve, models, doctor; users and keys are in `server.cli.users`, db in `server.cli.db`.

Turns arguments into settings and sentences. `serve` becomes gunicorn with the project's gunicorn.conf.py, which is what
a bare `gunicorn` in the checkout runs as well; everything about starting lies there. Commands import what they need
when they run, so that `serve` loses no time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from server import __version__
from server.cli.db import db
from server.cli.options import EXIT_BAD_SETTINGS, config_option, configured_settings
from server.cli.users import keys, users

if TYPE_CHECKING:
    from server.models.catalogue import Catalogue, ModelSpec
    from server.settings import Settings

GUNICORN_CONFIG = "gunicorn.conf.py"

SERVE_OPTIONS = ("bind", "model", "workers", "slots", "n_ctx", "threads", "n_gpu_layers", "data_dir", "log_level")
"""Settings that are options of `parley serve` too. Any other is set by file or variable."""

EXIT_NOT_FIT = 1

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="parley")
def main() -> None:
    """An OpenAI-compatible server for local GGUF models."""


for _group in (users, keys, db):
    main.add_command(_group)

# --- serve ----------------------------------------------------------------------------------------------------------


def setting_options(command: Command) -> Command:
    for name in reversed(SERVE_OPTIONS):
        option = f"--{name.replace('_', '-')}"
        command = click.option(option, metavar="VALUE", help=f"Instead of PARLEY_{name.upper()}.")(command)
    return command


@main.command()
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


def _configured(config: Path | None) -> tuple[Settings, Catalogue]:
    """The settings and what they make of the models; what is wrong with either ends the command."""
    from server.models.catalogue import Catalogue
    from server.settings import SettingsError

    settings = configured_settings(config)
    try:
        return settings, Catalogue.from_settings(settings)
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_BAD_SETTINGS)


# --- models ---------------------------------------------------------------------------------------------------------


@main.command()
@config_option
def models(config: Path | None) -> None:
    """List the configured models."""
    _, catalogue = _configured(config)
    specs = catalogue.models
    for spec in specs:
        click.echo(spec.id + (" (the default)" if spec is specs[0] and len(specs) > 1 else ""))
        if spec.aliases:
            click.echo(f"  also called {', '.join(spec.aliases)}")
        click.echo(f"  {_describe_source(spec)}")


def _describe_source(spec: ModelSpec) -> str:
    from server.models.source import HubFile, LocalFile, NoModel

    match spec.source:
        case LocalFile(path):
            return f"{path}{'' if path.is_file() else ' (no such file)'}"
        case HubFile():
            return f"{spec.source} on the Hugging Face hub"
        case NoModel(message):
            return message


# --- doctor ---------------------------------------------------------------------------------------------------------


@main.command()
@config_option
def doctor(config: Path | None) -> None:
    """Check that this machine can serve the configured models."""
    from server.cli.doctor import examine

    is_fit = True
    for finding in examine(*_configured(config)):
        is_fit &= finding.is_good
        click.echo(f"{'ok  ' if finding.is_good else 'BAD '} {finding.sentence}")
    if not is_fit:
        sys.exit(EXIT_NOT_FIT)


if __name__ == "__main__":
    main()
