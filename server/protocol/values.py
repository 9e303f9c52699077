"""The values that engines are asked with and answer in; messages are made of them, and so is what is above.

They know neither sockets nor llama.cpp, HTTP or the JSON bodies of clients.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FinishReason = Literal["stop", "length"]
"""Why the engine ended a sequence."""


class TextPiece(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of prompt text; control tokens are recognised in it only where `parse_special` is true."""

    text: str
    parse_special: bool


class QueueKey(msgspec.Struct, frozen=True, array_like=True):
    """Whose place in a queue a request takes. Callers are served in rotation, and so are the users of each."""

    caller: str = ""
    user: str = ""
    """A user that the caller names; its turns are among those of the caller."""


class SamplingParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the next token is chosen; `sampler` has the order.

    Names and meanings are llama.cpp's; by default everything is off. What only says how something works that is off has
    llama.cpp's default.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    penalty_last_n: int = 64
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 64
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    top_n_sigma: float = 0.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    mirostat: int = 0
    """0 is off; 1 and 2 are its versions."""
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: dict[int, float] = {}
    seed: int | None = None


class Grammar(msgspec.Struct, frozen=True, array_like=True):
    """What a completion must be a sentence of; nothing else is generated.

    "json_schema": a JSON Schema as JSON; the completion is JSON that validates. "regex": Rust's syntax, matched as a
    whole. "lark": llguidance's dialect of Lark, with `%json {...}` and with control tokens as `<|spelling|>` or
    `<[id]>`. "gbnf": llama.cpp's grammars.
    """

    syntax: Literal["json_schema", "regex", "lark", "gbnf"]
    source: str


class Thoughts(msgspec.Struct, frozen=True, array_like=True):
    """What a completion that tells its thoughts apart has around them. They may begin where it does."""

    starts: tuple[str, ...]
    """Any of these begins them."""
    ends: tuple[str, ...]
    """Any of these ends them; none of them begins with another."""
    are_open: bool = False
    """Whether the prompt ends inside."""
    recur: bool = False
    """Whether any later start begins them again; otherwise it is text, and white space behind the end is nobody's."""


class CachePolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request says about the KV cache of its tokens. All of it is a hint: the next answer is the same anyway."""

    conversation: str = ""
    """Whose turn this is, if it is one's: what its earlier turns left is of no use where this one goes another way."""
    is_resumable: bool = False
    """The client will come back with the same beginning."""
    retention: Literal["", "in_memory", "24h"] = ""
    """Whether it must stay off the disk, or should be there soon."""

    @property
    def is_kept_longer(self) -> bool:
        """Whether others leave first for some minutes."""
        return bool(self.conversation) or self.is_resumable or self.retention == "24h"


class TokenLogprob(msgspec.Struct, frozen=True, array_like=True):
    """A token, its bytes, and the natural logarithm of its probability in the model's own distribution."""

    token: int
    token_bytes: bytes
    logprob: float
    top: list[tuple[int, bytes, float]]
    """The likeliest tokens of the same position, likeliest first: id, bytes, logprob."""
