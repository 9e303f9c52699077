"""OpenAI's `logprobs` of a chat choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from server.protocol.values import TokenLogprob


class JoinedLogprobs:
    """Those of the content's tokens, in order.

    As JSON from the start: as objects, those of many choices would fill the memory, and encoding them all at the end
    would hold up the worker's other clients.
    """

    def __init__(self, logprobs: Sequence[TokenLogprob] = ()) -> None:
        self._content = bytearray()
        self.extend(logprobs)

    def extend(self, logprobs: Sequence[TokenLogprob]) -> None:
        if logprobs:
            rows = msgspec.json.encode([_row(logprob) for logprob in logprobs])
            self._content += b"," * bool(self._content) + rows[1:-1]

    def as_json(self) -> msgspec.Raw | None:
        """The object; null if there was never a token."""
        if not self._content:
            return None
        return msgspec.Raw(b'{"content":[' + self._content + b'],"refusal":null}')


def _row(logprob: TokenLogprob) -> dict[str, Any]:
    return {
        **_token_object(logprob.token_bytes, logprob.logprob),
        "top_logprobs": [_token_object(token_bytes, value) for _, token_bytes, value in logprob.top],
    }


def _token_object(token_bytes: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token_bytes.decode(errors="replace"), "logprob": logprob, "bytes": list(token_bytes)}
