"""The messages between a gunicorn worker and an engine, in both directions.

Frames of a 4-byte big-endian length and msgpack carry them. The engine's first frame on a connection is a `ModelCard`;
then it sends lists of `Event`, one frame per engine step at most, while the worker sends `Command`s, one a frame. It
knows shapes; it does not know sockets, llama.cpp, HTTP or JSON bodies of clients.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from server.protocol.values import (
    CachePolicy,
    FinishReason,
    Grammar,
    QueueKey,
    SamplingParams,
    TextPiece,
    Thoughts,
    TokenLogprob,
)

# --- gunicorn worker -> engine --------------------------------------------------------------------------------------


class Submit(msgspec.Struct, frozen=True, kw_only=True, tag="submit"):
    """One request: a prompt and what to generate from it."""

    request_id: int
    """Chosen by the worker, unique on its connection."""
    sampling: SamplingParams
    pieces: list[TextPiece] = []
    """The prompt as text to tokenize."""
    token_ids: list[int] | None = None
    """The prompt as token ids, taken as they are, instead of `pieces`."""
    num_choices: int = 1
    max_tokens: int | None = None
    """None means: until the context is full."""
    stop: list[str] = []
    thoughts: Thoughts | None = None
    """Where stop strings do not count; None is nowhere."""
    ignore_eos: bool = False
    """Without effect where there is a grammar: its end is the completion's."""
    grammar: Grammar | None = None
    num_top_logprobs: int | None = None
    """None: no logprobs; 0: those of the chosen tokens; k: also of the k likeliest."""
    wants_prompt_text: bool = False
    """Have `Accepted` carry the prompt as text (for `echo`)."""
    wants_prompt_logprobs: bool = False
    """Have each choice begin with deltas without text that carry the logprobs of the prompt's tokens, from the second
    on. Needs `num_top_logprobs`. Then `max_tokens` may be 0, and nothing is taken from the prefix cache."""
    shown_control_tokens: list[str] = []
    """Spellings of control tokens that are written out in the text, where others are nothing. EOG tokens never are,
    and spellings that the model does not have are passed over."""
    queue_key: QueueKey = QueueKey()
    cache_scope: str = ""
    """Only sequences of the same scope share cached prefixes."""
    cache_policy: CachePolicy = CachePolicy()


class Embed(msgspec.Struct, frozen=True, kw_only=True, tag="embed"):
    """One request to an embedding model; each text of it is a choice."""

    request_id: int
    """Chosen by the worker, unique on its connection."""
    texts: list[str] = []
    token_ids: list[list[int]] = []
    """Texts as token ids, taken as they are, instead of `texts`."""
    dimensions: int | None = None
    """How many numbers of each vector are wanted, from its beginning; None is all."""
    queue_key: QueueKey = QueueKey()

    @property
    def num_choices(self) -> int:
        return len(self.texts) or len(self.token_ids)


class Tokenize(msgspec.Struct, frozen=True, kw_only=True, tag="tokenize"):
    """Have the engine send the `Tokens` of a text, whatever the model is for."""

    request_id: int
    """Chosen by the worker, unique on its connection."""
    text: str
    parse_special: bool = True
    """Whether control tokens are recognised in it."""
    adds_special: bool = False
    """Whether to add what the model wants at the beginning and the end of a document."""
    wants_pieces: bool = False
    queue_key: QueueKey = QueueKey()

    @property
    def num_choices(self) -> int:
        return 1


class Detokenize(msgspec.Struct, frozen=True, kw_only=True, tag="detokenize"):
    """Have the engine send the `Tokens` with these ids and their pieces."""

    request_id: int
    """Chosen by the worker, unique on its connection."""
    token_ids: list[int]
    queue_key: QueueKey = QueueKey()

    @property
    def num_choices(self) -> int:
        return 1


Question = Tokenize | Detokenize
"""What the vocabulary alone can answer."""


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Nobody waits for this request any more. Unknown ids are ignored: the request may just have finished."""

    request_id: int


class ReadStats(msgspec.Struct, frozen=True, tag="stats"):
    """Have the engine send its `Stats`."""

    request_id: int


Submission = Submit | Embed
"""A request for something that the model must compute."""

Command = Submission | Question | Cancel | ReadStats


# --- engine -> gunicorn worker --------------------------------------------------------------------------------------


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """What the HTTP side must know of a loaded model to build prompts and answer `/v1/models`."""

    model_id: str
    description: str
    """llama.cpp's own words, such as "llama 135M Q4_1"."""
    num_slots: int
    n_ctx: int
    """Tokens that one sequence can hold, prompt and completion together."""
    n_ctx_train: int
    n_vocab: int
    n_params: int
    size_bytes: int
    chat_template: str | None
    tool_chat_template: str | None = None
    """The file's template of the name `tool_use`, for requests with tools; None if it has none."""
    bos_token: str
    eos_token: str
    control_spellings: list[str]
    """Spellings of the tokens that must never be made from a user's text."""
    marker_ids: dict[str, int] = {}
    """Ids by spelling of the control tokens and of those that its makers added to the vocabulary, such as
    `<tool_call>`: what grammars must name as tokens, since llguidance makes none of them from text."""
    infill_spellings: tuple[str, str, str] | None = None
    """Spellings of the prefix, suffix and middle tokens of a model that can infill."""
    default_sampling: dict[str, float] = {}
    """Sampling params that the model's file recommends (GGUF `general.sampling.*`)."""
    system_fingerprint: str = ""
    device: Literal["cpu", "gpu", "mixed"] | None = None
    """Where its layers are; those of a mixed one are on both. None is not known."""
    embedding_length: int | None = None
    """Numbers in the vectors of an embedding model, which generates nothing; None for a model that generates."""


class Accepted(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """The request fits and has a place in the queue; sent before any other event of it."""

    request_id: int
    num_prompt_tokens: int
    prompt_text: str | None = None
    first_token_bytes: bytes = b""
    """Of the prompt's first token, if logprobs of the prompt are wanted."""


class Rejected(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """The request will not be served; nothing else follows."""

    request_id: int
    reason: Literal[
        "context_length_exceeded",
        "overloaded",
        "invalid_token",
        "invalid_logit_bias",
        "empty_prompt",
        "invalid_grammar",
        "invalid_dimensions",
        "word_too_long",
        "unloading",
    ]
    """"unloading": the engine finishes what it has and ends."""
    num_prompt_tokens: int = 0
    limit: int = 0
    """n_ctx, the queue's bound, the vocabulary's size or the most characters of a line, as the reason says."""
    message: str = ""
    """What is wrong with the grammar, for the client."""
    is_estimate: bool = False
    """The number of tokens is about that."""


class Started(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """A choice has a slot, and is computed from now on. One that needs no computing has no such event."""

    request_id: int
    choice: int
    num_cached_tokens: int
    queue_seconds: float
    """Since the engine heard of the request."""


class Delta(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """New text of one choice; may be empty when only logprobs are new."""

    request_id: int
    choice: int
    text: str
    logprobs: list[TokenLogprob] | None = None
    num_tokens: int = 1
    """How many tokens the text is made of. Those of a text that is held back come with it, and tokens without any text
    with the next; so the sum falls short of the completion's tokens only by what has no text after it, such as EOG."""


class Finished(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """The last event of one choice. Counts are exact: every sampled token, the end-of-generation token included."""

    request_id: int
    choice: int
    finish_reason: FinishReason
    num_completion_tokens: int
    num_cached_tokens: int


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    """The engine could not go on with this request; the last event of it."""

    request_id: int
    message: str
    blames_grammar: bool = False
    """Whether it could not be followed any further: another request's may be."""


class Vector(msgspec.Struct, frozen=True, array_like=True, tag="v"):
    """What an embedding model makes of one text; the text's `Finished` follows."""

    request_id: int
    choice: int
    data: bytes
    """Numbers of 32 bits, little-endian; as a vector they have the length 1."""


class Tokens(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """The answer to a `Question`."""

    request_id: int
    token_ids: list[int]
    pieces: list[bytes] | None = None
    """What each token is written as, control tokens by their spelling; not always whole UTF-8 characters."""


class HistogramCounts(msgspec.Struct, frozen=True, array_like=True):
    """How many samples were at most as large as each bound, but larger than the one before it."""

    bounds: list[float]
    """Seconds."""
    counts: list[int]
    """One more than there are bounds: the last is of the samples above all of them."""
    total: float
    """The sum of all samples."""


class Stats(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """What the engine has done since its start; `server.engine.stats` names the numbers."""

    request_id: int
    gauges: dict[str, int]
    counters: dict[str, int]
    kv_tokens: dict[str, int]
    """Tokens that the KV cache holds, by tier."""
    kv_hits: dict[str, int]
    """Prompt tokens that were found there, by tier."""
    finished: dict[str, int]
    """Sequences by how they ended."""
    histograms: dict[str, HistogramCounts]


Event = Accepted | Rejected | Started | Delta | Vector | Finished | Failed | Tokens | Stats
