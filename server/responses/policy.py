"""How much of a conversation the model sees: what the request says, else the settings of its model.

It does not know how a prompt is cut.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.responses import ContextOptions, ResponsesRequest
from server.models.catalogue import ContextPolicy


def with_policy(wanted: ResponsesRequest, policy: ContextPolicy) -> ResponsesRequest:
    """The request with the model's settings where it says nothing itself."""
    asked = wanted.context
    context = ContextOptions(
        max_turns=policy.max_turns if asked.max_turns is None else asked.max_turns,
        max_tokens=policy.max_tokens if asked.max_tokens is None else asked.max_tokens,
    )
    return replace(wanted, truncation=wanted.truncation or policy.truncation, context=context)
