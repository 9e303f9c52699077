"""Runs `parley` in this process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from server.cli import commands as cli


def run(*arguments: str, **variables: str) -> Result:
    """The command with these arguments, and with these variables in its environment."""
    return CliRunner().invoke(cli.main, arguments, env=variables, catch_exceptions=False)
