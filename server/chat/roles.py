"""Roles that a message may have, as far as more than one module must know them."""

from __future__ import annotations

INSTRUCTION_ROLES = ("system", "developer")
"""Roles of messages that say how to answer; the second is the newer name of the first."""
