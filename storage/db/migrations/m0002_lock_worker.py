"""Which worker locked a conversation, so that others see at once that it died."""

from __future__ import annotations

from yoyo import step

steps = [step("ALTER TABLE conversations ADD COLUMN lock_worker TEXT")]
