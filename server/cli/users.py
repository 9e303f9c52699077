"""`parley users`: who may use the server, and whom `auth = header` has brought in.

Works on the database itself, so the server may run or not; its workers notice within seconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from server.cli.options import config_option, configured_settings, json_option, opened_database, user_name
from server.cli.printing import date, table

if TYPE_CHECKING:
    from storage.records import User


@click.group()
def users() -> None:
    """Who may use the server."""


@users.command("add")
@config_option
@json_option
@click.option("--admin", is_flag=True, help="Make the user an admin, who may load and unload models over HTTP.")
@click.argument("name")
def add_user(config: Path | None, as_json: bool, admin: bool, name: str) -> None:
    """Add the user NAME; `parley keys create NAME` makes a key for them."""
    from storage.users import create

    name = user_name(name)
    with opened_database(configured_settings(config)) as database:
        user: User = database.run(create, name, is_admin=admin)
    if as_json:
        click.echo(json.dumps(user_object(user)))
    else:
        click.echo(f"Added {user.name} ({user.public_id}).")


@users.command("list")
@config_option
@json_option
def list_users(config: Path | None, as_json: bool) -> None:
    """List all users."""
    from storage.users import list_all

    with opened_database(configured_settings(config)) as database:
        found: Sequence[User] = database.run(list_all)
    if as_json:
        click.echo(json.dumps([user_object(user) for user in found], indent=2))
        return
    rows = [(user.name, user.public_id, date(user.created_at), _user_state(user)) for user in found]
    click.echo(table(("NAME", "ID", "CREATED", ""), rows))


@users.command("disable")
@config_option
@click.argument("name")
def disable_user(config: Path | None, name: str) -> None:
    """Lock the user NAME out, whose data stays. `enable` undoes it."""
    _set_disabled(config, name, True)


@users.command("enable")
@config_option
@click.argument("name")
def enable_user(config: Path | None, name: str) -> None:
    """Let the user NAME in again."""
    _set_disabled(config, name, False)


def _set_disabled(config: Path | None, name: str, is_disabled: bool) -> None:
    from storage.users import set_disabled

    with opened_database(configured_settings(config)) as database:
        database.run(set_disabled, name, is_disabled)
    click.echo(f"{name} is {'disabled' if is_disabled else 'enabled'}.")


def _user_state(user: User) -> str:
    return ", ".join(word for word, holds in (("admin", user.is_admin), ("disabled", user.is_disabled)) if holds)


def user_object(user: User) -> dict[str, Any]:
    """A user for programs."""
    return {
        "id": user.public_id,
        "name": user.name,
        "is_admin": user.is_admin,
        "is_disabled": user.is_disabled,
        "created_at": user.created_at,
    }
