"""What a backend can be asked. One that chats is a `Backend`; the other abilities it has or lacks, each by itself.

    Backend       answer, count        conversations
    Completing    complete             bare prompts
    Embedding     embed                texts to vectors
    Tokenizing    tokenize, detokenize the vocabulary
    Rendering     prompt_text          a conversation as the model reads it
    Loading       load, unload         a place in memory

Which models there are, and what a model lacks, is `server.backends.served`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from schemas.completions import CompletionRequest
from schemas.embeddings import EmbeddingRequest
from schemas.tokens import DetokenizeRequest, TokenizeRequest
from server.answers.answer import Answer, CompletionAnswer
from server.answers.request import Caller, ChatRequest
from server.http.client_watch import ClientWatch
from server.protocol.model_options import Device
from server.protocol.runtime import ModelStatus


@dataclass(frozen=True)
class Card:
    """What clients may know of a model that can be used; None is not known."""

    n_ctx: int
    """Tokens that one sequence can hold, prompt and completion together."""
    description: str | None = None
    n_ctx_train: int | None = None
    n_vocab: int | None = None
    n_params: int | None = None
    size_bytes: int | None = None
    num_slots: int | None = None
    """Sequences that it generates at once."""
    device: Literal["cpu", "gpu", "mixed"] | None = None
    """What it is computed on."""
    system_fingerprint: str = ""
    """Changes with whatever may change answers."""
    temperature: float = 1.0
    """Temperature where a request names none."""
    top_p: float = 1.0
    """Top-p where a request names none."""
    presence_penalty: float = 0.0
    """Presence penalty where a request names none."""
    frequency_penalty: float = 0.0
    """Frequency penalty where a request names none."""


@dataclass(frozen=True)
class Features:
    """What a model that chats can do besides writing; None is not known yet."""

    calls_tools: bool | None = None
    """Whether it has a format for calls of its own. Others can be asked to call as well."""
    reasons: bool | None = None
    """Whether it may think before it answers, in a way that is told apart."""


class Described(Protocol):
    """What every backend says of itself."""

    @property
    def purpose(self) -> str:
        """The end of a sentence that refuses another use, such as "makes embeddings; it cannot generate text."."""
        ...

    def card(self) -> Card | None:
        """The model's card; None while it cannot be used."""
        ...

    def require_card(self) -> Card:
        """The model's card.

        Raises:
            ModelNotReady: with the reason.
        """
        ...


@runtime_checkable
class Backend(Described, Protocol):
    """A model that chats. What it raises are the errors of `server.errors`."""

    def answer(self, request: ChatRequest, caller: Caller, watch: ClientWatch) -> Answer:
        """An answer that is not started yet; `watch` sees the client leave. Raises ParleyError for what it refuses."""
        ...

    def count(self, request: ChatRequest, caller: Caller, watch: ClientWatch) -> int:
        """Tokens of the request's prompt, however long it is, without an answer."""
        ...

    def features(self) -> Features:
        """What it can do besides, as far as that can be said at once."""
        ...


@runtime_checkable
class Completing(Described, Protocol):
    """A model that goes on with bare prompts."""

    def complete(self, wanted: CompletionRequest, caller: Caller, watch: ClientWatch) -> CompletionAnswer:
        """An answer that is not started yet. Its parts are contents, logprobs of the prompt, and ends."""
        ...


@dataclass(frozen=True)
class Vectors:
    """What an embedding model makes of texts."""

    data: list[bytes]
    """A vector of length 1 for each text, in order: 32-bit numbers, little-endian."""
    num_tokens: int
    """Tokens of all texts."""


@runtime_checkable
class Embedding(Described, Protocol):
    """A model that turns texts into vectors."""

    def embed(self, wanted: EmbeddingRequest, caller: Caller, watch: ClientWatch) -> Vectors:
        """The vectors of the texts. Raises ParleyError, ClientLeft."""
        ...


@dataclass(frozen=True)
class TokenList:
    """Tokens by their ids and, where asked for, by what each is written as."""

    token_ids: list[int]
    pieces: list[bytes] | None = None
    """Not always whole UTF-8 characters; control tokens by their spelling."""


@runtime_checkable
class Tokenizing(Described, Protocol):
    """A model whose vocabulary can be asked."""

    def tokenize(self, wanted: TokenizeRequest, caller: Caller, watch: ClientWatch) -> TokenList:
        """The tokens of a text; control tokens are recognised in it, and added around it, as asked."""
        ...

    def detokenize(self, wanted: DetokenizeRequest, caller: Caller, watch: ClientWatch) -> TokenList:
        """The tokens of these ids, with their pieces. Raises InvalidRequest for an id that does not exist."""
        ...


@runtime_checkable
class Rendering(Described, Protocol):
    """A model whose prompts can be looked at."""

    def prompt_text(self, request: ChatRequest) -> str:
        """The prompt for a conversation. Raises TemplateRefused."""
        ...


@runtime_checkable
class Loading(Described, Protocol):
    """A model that is not always in memory."""

    def wait_until_loaded(self, watch: ClientWatch) -> None:
        """Have it loaded, if requests do that, and wait for it. Raises ModelNotReady, ShuttingDown, ClientLeft."""
        ...

    def load(self, device: Device | None) -> ModelStatus:
        """Have it loaded, without waiting. Returns how it is now; raises ModelNotReady."""
        ...

    def unload(self, *, force: bool) -> ModelStatus:
        """Have it unloaded, without waiting: when it has finished its answers or, forced, at once.

        Returns how it is now; raises ModelNotReady.
        """
        ...
