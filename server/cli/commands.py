"""The command `parley`: all groups of commands, and the one that looks at the machine.

Turns arguments into settings and sentences. Commands import what they need when they run, so that `serve` loses no
time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from server import __version__
from server.cli.db import db
from server.cli.keys import keys
from server.cli.models import models
from server.cli.options import config_option, configured_models
from server.cli.serve import serve
from server.cli.users import users

EXIT_NOT_FIT = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="parley")
def main() -> None:
    """An OpenAI-compatible server for local GGUF models."""


for _command in (serve, models, users, keys, db):
    main.add_command(_command)


# --- doctor ---------------------------------------------------------------------------------------------------------


@main.command()
@config_option
def doctor(config: Path | None) -> None:
    """Check that this machine can serve the configured models."""
    from server.cli.doctor import examine

    is_fit = True
    for finding in examine(*configured_models(config)):
        is_fit &= finding.is_good
        click.echo(f"{'ok  ' if finding.is_good else 'BAD '} {finding.sentence}")
    if not is_fit:
        sys.exit(EXIT_NOT_FIT)


if __name__ == "__main__":
    main()
