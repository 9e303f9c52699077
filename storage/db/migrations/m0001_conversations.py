"""Users, keys, conversations, items, responses."""

from __future__ import annotations

from typing import Any

from yoyo import step

STATEMENTS = """
CREATE TABLE users (
    id {serial},
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    is_local BOOLEAN NOT NULL,
    is_admin BOOLEAN NOT NULL,
    is_disabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (name, is_local)
);
CREATE TABLE api_keys (
    id {serial},
    public_id TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX api_keys_of_user ON api_keys (user_id);
CREATE TABLE conversations (
    id {serial},
    public_id TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    next_position BIGINT NOT NULL,
    lock_owner TEXT,
    lock_until BIGINT
);
CREATE INDEX conversations_by_activity ON conversations (user_id, active_at, id);
CREATE INDEX conversations_locked ON conversations (lock_owner) WHERE lock_owner IS NOT NULL;
CREATE TABLE conversation_metadata (
    conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (conversation_id, key)
);
CREATE INDEX conversation_metadata_by_value ON conversation_metadata (key, value, conversation_id);
CREATE TABLE items (
    id {serial},
    public_id TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    status TEXT,
    data TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (user_id, public_id)
);
CREATE TABLE conversation_items (
    conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    item_id BIGINT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    PRIMARY KEY (conversation_id, position),
    UNIQUE (conversation_id, item_id)
);
CREATE INDEX conversation_items_of_item ON conversation_items (item_id);
CREATE TABLE responses (
    id {serial},
    public_id TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    conversation_public_id TEXT,
    conversation_position BIGINT,
    previous_response_id TEXT,
    is_background BOOLEAN NOT NULL,
    is_cancel_requested BOOLEAN NOT NULL,
    owner TEXT,
    lease_until BIGINT,
    next_position BIGINT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX responses_of_user ON responses (user_id, created_at, id);
CREATE INDEX responses_running ON responses (lease_until) WHERE lease_until IS NOT NULL;
CREATE TABLE response_items (
    response_id BIGINT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    item_id BIGINT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    is_output BOOLEAN NOT NULL,
    PRIMARY KEY (response_id, position)
);
CREATE INDEX response_items_of_item ON response_items (item_id);
CREATE TABLE response_events (
    response_id BIGINT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    sequence_number BIGINT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (response_id, sequence_number)
)
"""


def create_tables(connection: Any) -> None:
    is_sqlite = type(connection).__module__ == "sqlite3"
    # AUTOINCREMENT: a number is never used again, so that paging by numbers cannot meet a newcomer in an old place.
    serial = "INTEGER PRIMARY KEY AUTOINCREMENT" if is_sqlite else "BIGSERIAL PRIMARY KEY"
    cursor = connection.cursor()
    for statement in STATEMENTS.format(serial=serial).split(";"):
        cursor.execute(statement)


steps = [step(create_tables)]
