"""Saved prompts: a name, which is one's only one, and a text, of which every version is kept.

What stands in a text for what is not known here.
"""

from __future__ import annotations

from typing import Any

from pony import orm
from pony.orm import Database as Db
from pony.orm import raw_sql

from storage.db import sql
from storage.db.clock import now_seconds
from storage.db.session import writes
from storage.errors import DuplicatePrompt, RecordNotFound
from storage.ids import new_id
from storage.records import Order, Page, Prompt, PromptVersion


@writes
def create(db: Db, user_id: int, name: str, text: str) -> Prompt:
    """A new prompt, of version 1. Raises DuplicatePrompt."""
    _refuse_taken(db, user_id, name, but=None)
    public_id, now = new_id("pmpt"), now_seconds()
    row_id = sql.insert(
        db, "prompts", public_id=public_id, user_id=user_id, name=name, version=1, created_at=now, updated_at=now
    )
    _add_version(db, row_id, 1, text, now)
    return Prompt(row_id, public_id, name, text, 1, now, now)


def get(db: Db, user_id: int, public_id: str, version: int | None = None) -> Prompt:
    """A prompt with its newest text, or with that of a version. Raises RecordNotFound for either."""
    found = _prompts(db, user_id).where(lambda p: p.public_id == public_id).get()
    if found is None:
        raise RecordNotFound("prompt", public_id)
    prompt = Prompt(*found)
    if version is None or version == prompt.version:
        return prompt
    text = orm.select(v.text for v in db.PromptVersion if v.prompt_id == prompt.id and v.version == version).get()
    if text is None:
        raise RecordNotFound("version", f"{public_id}/{version}")
    return Prompt(prompt.id, public_id, prompt.name, text, version, prompt.created_at, prompt.updated_at)


@writes
def update(db: Db, user_id: int, public_id: str, name: str | None = None, text: str | None = None) -> Prompt:
    """Give it another name, another text, which is a new version, or both. Raises RecordNotFound, DuplicatePrompt."""
    row = sql.fetch_one(
        db,
        "SELECT id, version FROM prompts WHERE user_id = $user_id AND public_id = $public_id" + sql.for_update(db),
        user_id=user_id,
        public_id=public_id,
    )
    if row is None:
        raise RecordNotFound("prompt", public_id)
    row_id, version = row
    now = now_seconds()
    old = get(db, user_id, public_id)
    if name is not None and name != old.name:
        _refuse_taken(db, user_id, name, but=row_id)
    if text is not None and text != old.text:
        version += 1
        _add_version(db, row_id, version, text, now)
    sql.execute(
        db,
        "UPDATE prompts SET name = $name, version = $version, updated_at = $now WHERE id = $row_id",
        name=old.name if name is None else name,
        version=version,
        now=now,
        row_id=row_id,
    )
    return get(db, user_id, public_id)


@writes
def delete(db: Db, user_id: int, public_id: str) -> None:
    """Delete a prompt with all its versions. Raises RecordNotFound."""
    deleted = sql.execute(
        db,
        "DELETE FROM prompts WHERE user_id = $user_id AND public_id = $public_id",
        user_id=user_id,
        public_id=public_id,
    )
    if not deleted.rowcount:
        raise RecordNotFound("prompt", public_id)


def list_page(db: Db, user_id: int, after: str | None = None, limit: int = 20, order: Order = "desc") -> Page[Prompt]:
    """A page of the user's prompts; `desc` begins with the newest. Raises RecordNotFound for `after`."""
    found = _prompts(db, user_id)
    if after is not None:
        last = get(db, user_id, after).id
        found = found.where(lambda p: p.id < last) if order == "desc" else found.where(lambda p: p.id > last)
    found = found.order_by("orm.desc(p.id)" if order == "desc" else "p.id")
    return Page.cut([Prompt(*row) for row in found[: limit + 1]], limit)


def versions_page(
    db: Db, user_id: int, public_id: str, after: int | None = None, limit: int = 20, order: Order = "desc"
) -> Page[PromptVersion]:
    """A page of a prompt's versions; `desc` begins with the newest. Raises RecordNotFound for the prompt."""
    row_id = get(db, user_id, public_id).id
    found = orm.select((v.version, v.text, v.created_at) for v in db.PromptVersion if v.prompt_id == row_id)
    if after is not None:
        is_beyond = "v.version < $after" if order == "desc" else "v.version > $after"
        found = found.where(lambda v: raw_sql(is_beyond))
    found = found.order_by("orm.desc(v.version)" if order == "desc" else "v.version")
    return Page.cut([PromptVersion(*row) for row in found[: limit + 1]], limit)


# --- rows -----------------------------------------------------------------------------------------------------------


def _prompts(db: Db, user_id: int) -> Any:
    return orm.select(
        (p.id, p.public_id, p.name, v.text, p.version, p.created_at, p.updated_at)
        for p in db.Prompt
        for v in db.PromptVersion
        if p.user_id == user_id and v.prompt_id == p.id and v.version == p.version
    )


def _add_version(db: Db, row_id: int, version: int, text: str, now: int) -> None:
    columns = ("prompt_id", "version", "text", "created_at")
    sql.insert_rows(db, "prompt_versions", columns, [(row_id, version, text, now)])


def _refuse_taken(db: Db, user_id: int, name: str, but: int | None) -> None:
    """Raise DuplicatePrompt for the name of another prompt."""
    taken = orm.select(p.id for p in db.Prompt if p.user_id == user_id and p.name == name).get()
    if taken is not None and taken != but:
        raise DuplicatePrompt(name)
