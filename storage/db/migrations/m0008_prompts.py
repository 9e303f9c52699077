"""Saved prompts and their versions."""

from __future__ import annotations

from typing import Any

from yoyo import step

STATEMENTS = """
CREATE TABLE prompts (
    id {serial},
    public_id TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (user_id, name)
);
CREATE INDEX prompts_of_user ON prompts (user_id, id);
CREATE TABLE prompt_versions (
    prompt_id BIGINT NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (prompt_id, version)
)
"""


def create_tables(connection: Any) -> None:
    is_sqlite = type(connection).__module__ == "sqlite3"
    serial = "INTEGER PRIMARY KEY AUTOINCREMENT" if is_sqlite else "BIGSERIAL PRIMARY KEY"
    cursor = connection.cursor()
    for statement in STATEMENTS.format(serial=serial).split(";"):
        cursor.execute(statement)


steps = [step(create_tables)]
