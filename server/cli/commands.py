"""The command `parley`: all groups of commands, and those that look at the configured models.

Turns arguments into settings and sentences. Commands import what they need when they run, so that `serve` loses no
time.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server import __version__
from server.cli.db import db
from server.cli.keys import keys
from server.cli.options import EXIT_BAD_SETTINGS, config_option, configured_settings
from server.cli.serve import serve
from server.cli.users import users

if TYPE_CHECKING:
    from server.models.catalogue import Catalogue, ModelSpec
    from server.settings import Settings

EXIT_NOT_FIT = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="parley")
def main() -> None:
    """An OpenAI-compatible server for local GGUF models."""


for _command in (serve, users, keys, db):
    main.add_command(_command)


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
