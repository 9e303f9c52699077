"""`parley keys`: what lets users in with `auth = keys`.

Works on the database itself, so the server may run or not; its workers notice within seconds. A key's secret is printed
once, alone on stdout, and nowhere else.
"""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from server.cli.options import config_option, configured_settings, json_option, opened_database, user_name
from server.cli.printing import date, table

if TYPE_CHECKING:
    from storage.db.database import Database
    from storage.records import ApiKey, User

DURATION = re.compile(r"(?P<number>[1-9][0-9]{0,5})(?P<unit>[mhd])", re.ASCII)
SECONDS = {"m": 60, "h": 3600, "d": 86_400}


def expiry(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """Seconds since the epoch from "30d", "12h", "90m", or a date or time, which is UTC's unless it says otherwise."""
    if text is None:
        return None
    if match := DURATION.fullmatch(text):
        return int(time.time()) + int(match["number"]) * SECONDS[match["unit"]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"'{text}' is neither like 30d, 12h or 90m nor a date like 2030-01-31.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    if moment <= datetime.now(timezone.utc) + timedelta(seconds=1):
        raise click.BadParameter(f"{text} is not in the future.")
    return int(moment.timestamp())


@click.group()
def keys() -> None:
    """API keys, for auth = "keys"."""


@keys.command("create")
@config_option
@json_option
@click.option("--name", default="key", show_default=True, help="What the key is for, to tell it from others.")
@click.option("--expires", "expires_at", callback=expiry, metavar="WHEN", help="30d, 12h, 90m, or a date. [never]")
@click.argument("user")
def create_key(config: Path | None, as_json: bool, name: str, expires_at: int | None, user: str) -> None:
    """Make a key for USER and print it, this once: only a hash of it is stored."""
    settings = configured_settings(config)
    label = user_name(name)
    with opened_database(settings) as database:
        owner, key, secret = _create_key(database, user, label, expires_at)
    if as_json:
        click.echo(json.dumps({**key_object(key, owner), "secret": secret}))
        return
    click.echo(f"The key {key.public_id} of {owner.name}; it is shown this once:", err=True)
    click.echo(secret)
    if settings.auth != "keys":
        click.echo(f'Note that keys only count with auth = "keys"; now it is "{settings.auth}".', err=True)


def _create_key(database: Database, user: str, name: str, expires_at: int | None) -> tuple[User, ApiKey, str]:
    from storage.keys import create
    from storage.users import get_by_name

    owner: User = database.run(get_by_name, user)
    if owner.is_disabled:
        raise click.ClickException(f"{owner.name} is disabled; `parley users enable` lets them in again.")
    return owner, *database.run(create, owner.id, name, expires_at)


@keys.command("list")
@config_option
@json_option
@click.argument("user", required=False)
def list_keys(config: Path | None, as_json: bool, user: str | None) -> None:
    """List the keys of USER, or of all users."""
    with opened_database(configured_settings(config)) as database:
        pairs = _keys_with_owners(database, user)
    if as_json:
        click.echo(json.dumps([key_object(key, owner) for key, owner in pairs], indent=2))
        return
    rows = [
        (
            key.public_id,
            owner.name,
            key.name,
            f"{key.prefix}...",
            date(key.created_at),
            date(key.last_used_at),
            date(key.expires_at),
            key_state(key),
        )
        for key, owner in pairs
    ]
    click.echo(table(("ID", "USER", "NAME", "BEGINS", "CREATED", "LAST USED", "EXPIRES", "STATE"), rows))


def _keys_with_owners(database: Database, user: str | None) -> list[tuple[ApiKey, User]]:
    from storage.keys import list_all, list_for
    from storage.users import get_by_name
    from storage.users import list_all as list_users

    if user is not None:
        owner = database.run(get_by_name, user)
        return [(key, owner) for key in database.run(list_for, owner.id)]
    owners = {owner.id: owner for owner in database.run(list_users)}
    return [(key, owners[key.user_id]) for key in database.run(list_all)]


@keys.command("revoke")
@config_option
@click.argument("key_ids", metavar="KEY_ID...", nargs=-1, required=True)
def revoke_keys(config: Path | None, key_ids: tuple[str, ...]) -> None:
    """End keys for good, by the ids that `parley keys list` shows."""
    from storage.keys import revoke

    with opened_database(configured_settings(config)) as database:
        for key_id in key_ids:
            database.run(revoke, key_id)
            click.echo(f"{key_id} is revoked.")


def key_state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.is_expired(time.time()) else "active"


def key_object(key: ApiKey, owner: User) -> dict[str, Any]:
    """A key for programs, without its secret."""
    return {
        "id": key.public_id,
        "user": owner.name,
        "name": key.name,
        "prefix": key.prefix,
        "state": key_state(key),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }
