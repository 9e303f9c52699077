"""What a conversation says about its answers: instructions and parameters; and whether it is pinned or archived."""

from __future__ import annotations

from yoyo import step

steps = [
    step("ALTER TABLE conversations ADD COLUMN instructions TEXT"),
    step("ALTER TABLE conversations ADD COLUMN defaults TEXT NOT NULL DEFAULT '{}'"),
    step("ALTER TABLE conversations ADD COLUMN is_pinned BOOLEAN NOT NULL DEFAULT FALSE"),
    step("ALTER TABLE conversations ADD COLUMN is_archived BOOLEAN NOT NULL DEFAULT FALSE"),
    step("CREATE INDEX conversations_pinned ON conversations (user_id, active_at, id) WHERE is_pinned"),
    step("CREATE INDEX conversations_archived ON conversations (user_id, active_at, id) WHERE is_archived"),
]
