"""The models as a gunicorn worker sees them: which there are, and whether they can be used right now.

Joins the catalogue, the supervisor's status and the engines' connections. It does not know requests or HTTP.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from server.backends.local.engine_client import EngineClient
from server.chat.template.template import ChatTemplate, TemplateError
from server.errors import InvalidRequest, ModelNotReady
from server.models.catalogue import Catalogue, ModelSpec
from server.protocol.messages import ModelCard
from server.protocol.runtime import ModelStatus, RuntimeDir

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = {"downloading": 10.0, "loading": 1.0, "restarting": 1.0}
"""When to come back to a model that is not ready, by its state."""

CONNECT_TIMEOUT_SECONDS = 1.0
"""How long to wait for the connection to an engine that the supervisor calls ready."""


class ServedModel:
    """One model of the catalogue with the connection to its engine."""

    def __init__(self, spec: ModelSpec, client: EngineClient, runtime_dir: RuntimeDir) -> None:
        self.spec = spec
        self.client = client
        self._runtime_dir = runtime_dir
        self._template: tuple[ModelCard, ChatTemplate | TemplateError] | None = None

    def card(self) -> ModelCard | None:
        """The card of the loaded model, None while it is not loaded."""
        if self.client.card is None and self._status_state() == "ready":
            return self.client.wait_for_card(CONNECT_TIMEOUT_SECONDS)  # it has just come, or just gone
        return self.client.card

    def require_card(self) -> ModelCard:
        """The card of the loaded model, which must be one that generates text.

        Raises:
            ModelNotReady: with the supervisor's word for why.
            InvalidRequest: if it makes embeddings.
        """
        if self.spec.is_embedding:
            raise InvalidRequest(
                f"The model '{self.spec.id}' makes embeddings; it cannot generate text.", param="model"
            )
        return self.loaded_card()

    def require_embedding_card(self) -> ModelCard:
        """The card of the loaded model, which must be one that makes embeddings.

        Raises:
            ModelNotReady: with the supervisor's word for why.
            InvalidRequest: if it generates text.
        """
        if not self.spec.is_embedding:
            raise InvalidRequest(
                f"The model '{self.spec.id}' generates text; only models with `embedding = true` in the server's "
                "settings make embeddings.",
                param="model",
            )
        return self.loaded_card()

    def loaded_card(self) -> ModelCard:
        """The card of the loaded model, whatever it is for.

        Raises:
            ModelNotReady: with the supervisor's word for why.
        """
        card = self.card()
        if card is None:
            raise self.not_ready()
        return card

    def chat_template(self) -> ChatTemplate:
        """The loaded model's template, compiled once per load.

        Raises:
            ModelNotReady: as `require_card`.
            TemplateError: if the template is broken.
        """
        card = self.require_card()
        if self._template is None or self._template[0] is not card:
            self._template = card, _compile_template(card)
        if isinstance(self._template[1], TemplateError):
            raise self._template[1]
        return self._template[1]

    def _status_state(self) -> str | None:
        status = self._runtime_dir.read_status().models.get(self.spec.id)
        return status.state if status else None

    def not_ready(self) -> ModelNotReady:
        status = self._runtime_dir.read_status().models.get(self.spec.id)
        if status is None:
            return ModelNotReady(self.spec.id, "loading", None, "the server has just started", 1.0)
        state = "restarting" if status.state == "ready" else status.state  # the supervisor does not know yet
        return ModelNotReady(self.spec.id, state, status.progress, status.message, _retry_after_seconds(status))


class ServedModels:
    """All models, the default one first."""

    def __init__(self, catalogue: Catalogue, runtime_dir: RuntimeDir) -> None:
        self._catalogue = catalogue
        self._models = {
            spec.id: ServedModel(spec, EngineClient(runtime_dir.engine_socket(spec.index)), runtime_dir)
            for spec in catalogue.models
        }

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._models.values())

    def start(self) -> None:
        """Connect to the engines, now and whenever they come back."""
        for model in self:
            model.client.start()

    def find(self, name: str | None) -> ServedModel:
        """The model of that id or alias, the default model for None.

        Raises:
            ModelNotFound: carrying the name.
        """
        return self._models[self._catalogue.find(name).id]


def _compile_template(card: ModelCard) -> ChatTemplate | TemplateError:
    """The template, or what is wrong with it, which would be wrong every time."""
    try:
        template = ChatTemplate(card.chat_template, card.bos_token, card.eos_token, card.control_spellings)
    except TemplateError as error:
        logger.error("the chat template of %s is broken: %s", card.model_id, error)
        return error
    if template.is_fallback:
        logger.warning("%s has no chat template; ChatML is used", card.model_id)
    return template


def _retry_after_seconds(status: ModelStatus) -> float:
    if status.retry_at is not None:
        return status.retry_at - time.time() + 1
    return RETRY_AFTER_SECONDS.get(status.state, 1.0)
