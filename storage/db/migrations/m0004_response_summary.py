"""What lists say of a response, so that they need not read the whole of it. Older rows have none, but their body."""

from __future__ import annotations

from yoyo import step

steps = [step("ALTER TABLE responses ADD COLUMN summary TEXT")]
