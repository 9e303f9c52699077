"""How a repeated request is recognised: by its key, or as the last turn of its conversation."""

from __future__ import annotations

from yoyo import step

steps = [
    step("ALTER TABLE responses ADD COLUMN idempotency_key TEXT"),
    step("CREATE INDEX responses_by_key ON responses (user_id, idempotency_key, id) WHERE idempotency_key IS NOT NULL"),
    step(
        "CREATE INDEX responses_of_conversation ON responses (conversation_public_id, id)"
        " WHERE conversation_public_id IS NOT NULL"
    ),
]
