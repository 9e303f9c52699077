"""Options, arguments and exit codes that several commands of `parley` share, and the way to the database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from server.models.catalogue import Catalogue
    from server.settings import Settings
    from storage.db.database import Database

EXIT_BAD_SETTINGS = 2

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The settings' file; otherwise PARLEY_CONFIG, or parley.toml in the current directory.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def configured_settings(config: Path | None) -> Settings:
    """The settings; what is wrong with them ends the command."""
    from server.settings import SettingsError, load_settings

    try:
        return load_settings(config)
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_BAD_SETTINGS)


def configured_models(config: Path | None) -> tuple[Settings, Catalogue]:
    """The settings and what they make of the models; what is wrong with either ends the command."""
    from server.models.catalogue import Catalogue
    from server.settings import SettingsError

    settings = configured_settings(config)
    try:
        return settings, Catalogue.from_settings(settings)
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_BAD_SETTINGS)


def user_name(text: str) -> str:
    """The name, if it may be one; else ends the command."""
    from server.auth.user_names import InvalidUserName, parse_user_name

    try:
        return parse_user_name(text)
    except InvalidUserName as error:
        raise click.BadParameter(f"{error}.", param_hint="NAME") from None


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """The database, migrated; what storage refuses while it is open ends the command with a sentence."""
    from storage.db.database import Database
    from storage.errors import StorageError

    database = Database(settings.storage_url, pool_size=1)
    try:
        database.start()
        yield database
    except StorageError as error:
        raise click.ClickException(str(error)) from None
    finally:
        database.close()
