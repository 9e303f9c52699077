"""Where a conversation was forked from, and the family that it belongs to: a conversation and all forks of forks of it.

A root is its own root. The newest activity in a whole family stands at its root, so that a page of roots is read from
an index, as a page of conversations is.
"""

from __future__ import annotations

from yoyo import step

steps = [
    step("ALTER TABLE conversations ADD COLUMN root_id BIGINT REFERENCES conversations (id)"),
    step("ALTER TABLE conversations ADD COLUMN forked_from_id BIGINT REFERENCES conversations (id) ON DELETE SET NULL"),
    step("ALTER TABLE conversations ADD COLUMN forked_item_id TEXT"),
    step("ALTER TABLE conversations ADD COLUMN forked_position BIGINT"),
    step("ALTER TABLE conversations ADD COLUMN family_active_at BIGINT NOT NULL DEFAULT 0"),
    step("UPDATE conversations SET root_id = id, family_active_at = active_at"),
    step("CREATE INDEX conversations_of_family ON conversations (root_id, active_at, id)"),
    step("CREATE INDEX conversations_roots ON conversations (user_id, family_active_at, id) WHERE root_id = id"),
    step(
        "CREATE INDEX conversations_forked ON conversations (forked_from_id, active_at, id)"
        " WHERE forked_from_id IS NOT NULL"
    ),
    step("CREATE INDEX conversations_answering ON conversations (root_id, lock_owner) WHERE lock_owner IS NOT NULL"),
]
