"""OpenAI's `logprobs` of a chat choice."""

from __future__ import annotations

from typing import Any

from server.engine.messages import TokenLogprob


def logprobs_object(logprobs: list[TokenLogprob]) -> dict[str, Any]:
    """Those of the content's tokens, in order."""
    content = [
        {
            **_token_object(token.token_bytes, token.logprob),
            "top_logprobs": [_token_object(top_bytes, logprob) for _, top_bytes, logprob in token.top],
        }
        for token in logprobs
    ]
    return {"content": content, "refusal": None}


def _token_object(token_bytes: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token_bytes.decode(errors="replace"), "logprob": logprob, "bytes": list(token_bytes)}
