"""The models that are served, each by its backend; a model that does not exist, or cannot do what is asked, is refused.

Every answer goes through here, and so through `Metered`. It does not know what kinds of backend there are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TypeVar

from schemas.completions import CompletionRequest
from schemas.embeddings import EmbeddingRequest
from schemas.tokens import DetokenizeRequest, TokenizeRequest
from server.answers.answer import Answer, CompletionAnswer
from server.answers.backend import (
    Backend,
    Card,
    Completing,
    Described,
    Embedding,
    Features,
    Loading,
    Rendering,
    Tokenizing,
    TokenList,
    Vectors,
)
from server.answers.request import Caller, ChatRequest
from server.backends.metered import Account, Metered, MeteredCompletion, metered_vectors
from server.errors.tree import InvalidRequest
from server.http.client_watch import ClientWatch
from server.models.catalogue import Catalogue, ContextPolicy, ModelSpec
from server.protocol.model_options import Device
from server.protocol.runtime import ModelStatus

logger = logging.getLogger(__name__)

NO_FEATURES = Features(calls_tools=False, reasons=False)

Ability = TypeVar("Ability")


class ServedModel:
    """One model under its names, whatever backend it has."""

    def __init__(self, spec: ModelSpec, backend: Described) -> None:
        self.id = spec.id
        self.aliases = spec.aliases
        self.created = spec.created
        self.policy: ContextPolicy = spec.context
        """How much of a conversation it is shown, as far as requests do not say that."""
        self._backend = backend

    def card(self) -> Card | None:
        """The model's card; None while it cannot be used."""
        return self._backend.card()

    @property
    def generates(self) -> bool:
        """Whether it is a model that chats."""
        return isinstance(self._backend, Backend)

    @property
    def embeds(self) -> bool:
        """Whether it makes vectors."""
        return isinstance(self._backend, Embedding)

    def features(self) -> Features:
        """What it can do besides; nothing, if it does not chat."""
        return self._backend.features() if isinstance(self._backend, Backend) else NO_FEATURES

    def require_card(self) -> Card:
        """The card of a model that chats.

        Raises:
            InvalidRequest: if it does something else.
            ModelNotReady: with the reason.
        """
        return self._able(Backend).require_card()

    def wait_until_loaded(self, watch: ClientWatch) -> None:
        """See `Loading`; of a backend that loads nothing, there is nothing to wait for."""
        if isinstance(self._backend, Loading):
            self._backend.wait_until_loaded(watch)

    def load(self, device: Device | None) -> ModelStatus:
        """See `Loading`; raises InvalidRequest where the model is none."""
        return self._loading.load(device)

    def unload(self, *, force: bool) -> ModelStatus:
        """See `Loading`; raises InvalidRequest where the model is none."""
        return self._loading.unload(force=force)

    @property
    def _loading(self) -> Loading:
        if not isinstance(self._backend, Loading):
            raise InvalidRequest(f"The model '{self.id}' is not loaded or unloaded by this server.", param="model")
        return self._backend

    def answer(self, request: ChatRequest, caller: Caller, watch: ClientWatch) -> Answer:
        """See `Backend`; raises InvalidRequest where the model is none."""
        return Metered(self._able(Backend).answer(request, caller, watch), self._account)

    def count(self, request: ChatRequest, caller: Caller, watch: ClientWatch) -> int:
        """See `Backend`; raises InvalidRequest where the model is none."""
        return self._able(Backend).count(request, caller, watch)

    def complete(self, wanted: CompletionRequest, caller: Caller, watch: ClientWatch) -> CompletionAnswer:
        """See `Completing`; raises InvalidRequest where the model is none."""
        return MeteredCompletion(self._able(Completing).complete(wanted, caller, watch), self._account)

    def embed(self, wanted: EmbeddingRequest, caller: Caller, watch: ClientWatch) -> Vectors:
        """See `Embedding`; raises InvalidRequest where the model is none."""
        embedding = self._able(Embedding)
        return metered_vectors(lambda: embedding.embed(wanted, caller, watch), self._account)

    def tokenize(self, wanted: TokenizeRequest, caller: Caller, watch: ClientWatch) -> TokenList:
        """See `Tokenizing`; raises InvalidRequest where the model is none."""
        return self._able(Tokenizing).tokenize(wanted, caller, watch)

    def detokenize(self, wanted: DetokenizeRequest, caller: Caller, watch: ClientWatch) -> TokenList:
        """See `Tokenizing`; raises InvalidRequest where the model is none."""
        return self._able(Tokenizing).detokenize(wanted, caller, watch)

    def prompt_text(self, request: ChatRequest) -> str:
        """See `Rendering`; raises InvalidRequest where the model is none."""
        return self._able(Rendering).prompt_text(request)

    def _able(self, ability: type[Ability]) -> Ability:
        if not isinstance(self._backend, ability):
            raise InvalidRequest(f"The model '{self.id}' {self._backend.purpose}", param="model")
        return self._backend

    def _account(self, account: Account) -> None:
        usage = account.usage
        logger.debug(
            "%s: an answer %s after %.3f s, the first part after %s s; prompt %d, cached %d, completion %d tokens",
            self.id,
            account.outcome,
            account.seconds,
            "-" if account.first_part_seconds is None else f"{account.first_part_seconds:.3f}",
            usage.num_prompt_tokens,
            usage.num_cached_tokens,
            usage.num_completion_tokens,
        )


class ServedModels:
    """All models, the default one first."""

    def __init__(self, catalogue: Catalogue, backends: Mapping[str, Described]) -> None:
        """`backends` has one for each model of the catalogue, by its id."""
        self._catalogue = catalogue
        self._models = {spec.id: ServedModel(spec, backends[spec.id]) for spec in catalogue.models}
        self._found: dict[str, ServedModel] = {}

    def add(self, spec: ModelSpec, backend: Described) -> None:
        """A model has been found that the catalogue does not have."""
        self._found[spec.id] = ServedModel(spec, backend)

    def remove(self, model_id: str) -> None:
        """A model that was found is not there any more."""
        self._found.pop(model_id, None)

    def __iter__(self) -> Iterator[ServedModel]:
        return iter([*self._models.values(), *self._found.values()])

    def find(self, name: str | None) -> ServedModel:
        """The model of that id or alias, the default model for None: the first, or of found ones the first by its id.

        Raises:
            ModelNotFound: carrying the name.
        """
        if name is None and not self._models and self._found:
            name = min(self._found)
        if name in self._found:
            return self._found[name]
        return self._models[self._catalogue.find(name).id]
