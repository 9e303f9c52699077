"""`parley db`: the database as an operator sees it. Works on the database itself, whether the server runs or not."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.options import config_option, configured_settings, json_option, opened_database

if TYPE_CHECKING:
    from storage.db.address import Address


@click.group()
def db() -> None:
    """The database."""


@db.command()
@config_option
def upgrade(config: Path | None) -> None:
    """Bring the tables up to date, which every start of the server does as well."""
    from storage.db.database import upgrade
    from storage.errors import StorageError

    try:
        applied = upgrade(configured_settings(config).storage_url)
    except StorageError as error:
        raise click.ClickException(str(error)) from None
    for name in applied:
        click.echo(f"Applied {name}.")
    if not applied:
        click.echo("The database is up to date.")


@db.command()
@config_option
@json_option
def tables(config: Path | None, as_json: bool) -> None:
    """List the tables with their numbers of rows."""
    from storage.db.maintenance import count_rows

    with opened_database(configured_settings(config)) as database:
        counts = database.run(count_rows)
    if as_json:
        click.echo(json.dumps(counts))
        return
    for table, count in counts.items():
        click.echo(f"{table:<24}{count:>12}")


@db.command(context_settings={"ignore_unknown_options": True})
@config_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def shell(config: Path | None, arguments: tuple[str, ...]) -> None:
    """Open the database with sqlite3 or psql; ARGUMENTS are the program's, such as an SQL statement."""
    from storage.db.address import PostgresServer

    address = _address(config)
    if isinstance(address, PostgresServer):
        _become("psql", address.url, *_psql_arguments(arguments))
    else:
        _become("sqlite3", str(address.path), *arguments)


@db.command()
@config_option
@click.argument("target", type=click.Path(path_type=Path))
def backup(config: Path | None, target: Path) -> None:
    """Copy the database into the new file TARGET, while the server goes on.

    An SQLite file is its own backup: use it as database_url. One of PostgreSQL is made by pg_dump, for pg_restore.
    """
    from storage.db.address import PostgresServer
    from storage.db.maintenance import copy_sqlite
    from storage.errors import StorageError

    address = _address(config)
    if target.exists():
        raise click.ClickException(f"{target} exists already.")
    if isinstance(address, PostgresServer):
        _become("pg_dump", "--format=custom", f"--file={target}", address.url)
    else:
        try:
            copy_sqlite(address, target)
        except (StorageError, OSError) as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"Copied {address.path} to {target} ({target.stat().st_size:,} bytes).")


def _address(config: Path | None) -> Address:
    from storage.db.address import parse_address

    return parse_address(configured_settings(config).storage_url)


def _psql_arguments(arguments: tuple[str, ...]) -> list[str]:
    """Bare statements, which sqlite3 understands, are options of psql."""
    return [part for one in arguments for part in ([one] if one.startswith("-") else ["--command", one])]


def _become(program: str, *arguments: str) -> None:
    """Replace this process by the database's own program."""
    path = shutil.which(program)
    if path is None:
        raise click.ClickException(f"The program {program} is not installed.")
    sys.stdout.flush()
    os.execv(path, [program, *arguments])
