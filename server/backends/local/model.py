"""A model in an engine process of this machine, as a gunicorn worker sees it: whether it can be used, and its template.

Joins the catalogue, the supervisor's status and the engine's connection. It does not know requests.
"""

from __future__ import annotations

import logging
import time

from server.backends.local.engine_client import EngineClient
from server.chat.template.template import ChatTemplate, TemplateError
from server.errors.tree import ModelNotReady
from server.models.catalogue import ModelSpec
from server.protocol.messages import ModelCard, Stats
from server.protocol.runtime import ModelStatus, RuntimeDir

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = {"downloading": 10.0, "loading": 1.0, "restarting": 1.0}
"""When to come back to a model that is not ready, by its state."""

CONNECT_TIMEOUT_SECONDS = 1.0
"""How long to wait for the connection to an engine that the supervisor calls ready."""


class LocalModel:
    """One model of the catalogue with the connection to its engine."""

    def __init__(self, spec: ModelSpec, runtime_dir: RuntimeDir) -> None:
        self.id = spec.id
        self.client = EngineClient(runtime_dir.engine_socket(spec.index))
        self._runtime_dir = runtime_dir
        self._enable_thinking = spec.enable_thinking
        self._templates: tuple[ModelCard, dict[bool, ChatTemplate | TemplateError]] | None = None

    def start(self) -> None:
        """Connect to the engine, now and whenever it comes back."""
        self.client.start()

    def card(self) -> ModelCard | None:
        """The card of the loaded model, None while it is not loaded."""
        if self.client.card is None and self._status_state() == "ready":
            return self.client.wait_for_card(CONNECT_TIMEOUT_SECONDS)  # it has just come, or just gone
        return self.client.card

    def require_card(self) -> ModelCard:
        """The card of the loaded model.

        Raises:
            ModelNotReady: with the supervisor's word for why.
        """
        card = self.card()
        if card is None:
            raise self.not_ready()
        return card

    def chat_template(self, has_tools: bool = False) -> ChatTemplate:
        """The loaded model's template, for requests with tools the one that it may have for those.

        Each is compiled once per load.

        Raises:
            ModelNotReady: as `require_card`.
            TemplateError: if the template is broken.
        """
        card = self.require_card()
        for_tools = has_tools and card.tool_chat_template is not None
        if self._templates is None or self._templates[0] is not card:
            self._templates = card, {}
        compiled = self._templates[1]
        if for_tools not in compiled:
            source = card.tool_chat_template if for_tools else card.chat_template
            compiled[for_tools] = _compile_template(card, source, self._enable_thinking)
        template = compiled[for_tools]
        if isinstance(template, TemplateError):
            raise template
        return template

    def read_stats(self, timeout_seconds: float) -> Stats | None:
        """What the engine has done so far; None if it is not there, or too busy to say so in time."""
        return self.client.read_stats(timeout_seconds)

    def not_ready(self) -> ModelNotReady:
        """Why the model cannot be used now, and when to come back."""
        status = self._runtime_dir.read_status().models.get(self.id)
        if status is None:
            return ModelNotReady(self.id, "loading", None, "the server has just started", 1.0)
        # The supervisor may not know yet.
        state = "restarting" if status.state in ("ready", "stalled") else status.state
        return ModelNotReady(self.id, state, status.progress, status.message, _retry_after_seconds(status))

    def _status_state(self) -> str | None:
        status = self._runtime_dir.read_status().models.get(self.id)
        return status.state if status else None


def _compile_template(
    card: ModelCard, source: str | None, enable_thinking: bool | None
) -> ChatTemplate | TemplateError:
    """The template, or what is wrong with it, which would be wrong every time."""
    try:
        template = ChatTemplate(source, card.bos_token, card.eos_token, card.control_spellings, enable_thinking)
    except TemplateError as error:
        logger.error("the chat template of %s is broken: %s", card.model_id, error)
        return error
    problem = template.problem()
    if problem is not None:
        logger.error("the chat template of %s refuses even a plain question: %s", card.model_id, problem)
    if template.is_fallback:
        logger.warning("%s has no chat template; ChatML is used", card.model_id)
    return template


def _retry_after_seconds(status: ModelStatus) -> float:
    if status.retry_at is not None:
        return status.retry_at - time.time() + 1
    return RETRY_AFTER_SECONDS.get(status.state, 1.0)
