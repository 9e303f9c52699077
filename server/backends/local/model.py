"""A model in an engine process of this machine, as a gunicorn worker sees it: whether it can be used, and its template.

Joins the catalogue, the supervisor's status and the engine's connection. It does not know requests.
"""

from __future__ import annotations

import time

from server.answers.backend import Features
from server.backends.local.engine_client import EngineClient
from server.backends.local.loading import wait_until_loaded
from server.backends.local.templates import Templates
from server.chat.template.template import ChatTemplate
from server.errors.loading import ModelNotLoaded, ModelTooLarge, ModelUnloaded
from server.errors.tree import EngineLost, ModelNotReady, ParleyError, Unavailable
from server.http.client_watch import ClientWatch
from server.models.catalogue import ModelSpec
from server.protocol.control import Answer, NoSupervisor, Order, ask
from server.protocol.messages import ModelCard, Stats
from server.protocol.model_options import Device
from server.protocol.runtime import ModelStatus, RuntimeDir

RETRY_AFTER_SECONDS = {"downloading": 10.0, "loading": 1.0, "restarting": 1.0, "unloading": 1.0}
"""When to come back to a model that is not ready, by its state."""

CONNECT_TIMEOUT_SECONDS = 1.0
"""How long to wait for the connection to an engine that the supervisor calls ready."""


class LocalModel:
    """One model of the catalogue with the connection to its engine."""

    def __init__(self, spec: ModelSpec, runtime_dir: RuntimeDir) -> None:
        self.id = spec.id
        self.client = EngineClient(runtime_dir.engine_socket(spec.id), self._loaded)
        self._load_timeout_seconds = spec.load_timeout_seconds
        self._runtime_dir = runtime_dir
        self._enable_thinking = spec.enable_thinking
        self._is_embedding = spec.is_embedding
        self._templates: Templates | None = None

    def start(self) -> None:
        """Connect to the engine, now and whenever it comes back."""
        self.client.start()

    def stop(self) -> None:
        """Stop looking for the engine; a connection that there is stays until it ends."""
        self.client.stop()

    def card(self) -> ModelCard | None:
        """The card of the loaded model, None while it is not loaded."""
        status = self._status
        if self.client.card is None and status is not None and status.state == "ready":
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

    def wait_until_loaded(self, watch: ClientWatch) -> None:
        """Have the model loaded, if it is one that requests load, and wait for that; others are left as they are.

        Raises:
            ModelNotReady: if it takes longer than requests wait, or fails.
            ShuttingDown: if this worker has to end before.
            ClientLeft: if the client did.
        """
        status = self._status
        if status is None or status.load != "on-demand" or self.is_usable:
            return
        deadline = time.monotonic() + self._load_timeout_seconds
        try:
            answer = wait_until_loaded(self._runtime_dir.control_socket, self.id, self._load_timeout_seconds, watch)
        except NoSupervisor:
            raise self.not_ready() from None
        status = answer.models.get(self.id)
        if status is None or status.state != "ready":
            raise self._refusal(answer)
        self.client.expect(True)
        self.client.wait_for_card(max(CONNECT_TIMEOUT_SECONDS, deadline - time.monotonic()))

    @property
    def is_usable(self) -> bool:
        """Whether its engine takes requests, as far as this worker knows."""
        return self.client.card is not None and not self.is_leaving

    @property
    def is_leaving(self) -> bool:
        """Whether its engine is told to go, or has gone for that."""
        status = self._status
        return status is not None and status.state in ("unloading", "unloaded")

    @property
    def is_manual(self) -> bool:
        """Whether requests do not load it."""
        status = self._status
        return status is not None and status.load == "manual"

    def load(self, device: Device | None) -> ModelStatus:
        """Have the model loaded, and kept so; does not wait for it. Raises ModelNotReady without a supervisor."""
        return self._order(Order(verb="load", model=self.id, device=device))

    def unload(self, *, force: bool) -> ModelStatus:
        """Have the model unloaded, when it has finished its answers or, forced, at once; does not wait for it.

        Raises:
            ModelNotReady: without a supervisor.
        """
        return self._order(Order(verb="unload", model=self.id, force=force))

    def follow(self) -> None:
        """Take note of a new status: whether there is an engine to connect to. Without a status, there may be one."""
        status = self._status
        self.client.expect(status is None or status.state != "unloaded")

    def lost(self) -> ParleyError:
        """Why the engine went away."""
        return ModelUnloaded(self.id) if self.is_leaving else EngineLost(self.id)

    def chat_template(self, has_tools: bool = False) -> ChatTemplate:
        """The loaded model's template, for requests with tools the one that it may have for those.

        Each is compiled once per load.

        Raises:
            ModelNotReady: as `require_card`.
            TemplateError: if the template is broken.
        """
        return self._templates_of(self.require_card()).get(has_tools)

    def template_state(self) -> str | None:
        """Whether the loaded model's template is fine, in a line for people.

        None while that is not known, and for a model that embeds, which is asked for no chats.
        """
        templates = self._present_templates
        return None if templates is None else templates.state()

    def features(self) -> Features:
        """What the loaded model can do besides writing, as far as its template has been looked at."""
        templates = self._present_templates
        return Features() if templates is None else templates.features()

    def read_stats(self, timeout_seconds: float) -> Stats | None:
        """What the engine has done so far; None if it is not there, or too busy to say so in time."""
        return self.client.read_stats(timeout_seconds)

    def not_ready(self) -> Unavailable:
        """Why the model cannot be used now, and when to come back."""
        status = self._status
        if status is None:
            return ModelNotReady(self.id, "loading", None, "the server has just started", 1.0)
        if status.load == "manual" and status.state == "unloaded":
            return ModelNotLoaded(self.id)
        # The supervisor may not know yet.
        state = "restarting" if status.state in ("ready", "stalled") else status.state
        return ModelNotReady(self.id, state, status.progress, status.message, _retry_after_seconds(status))

    def _refusal(self, answer: Answer) -> Unavailable:
        """Why an order or waiting has been of no use."""
        status = answer.models.get(self.id)
        if status is None or answer.code == "model_not_loaded":
            return self.not_ready()
        if answer.code == "model_too_large":
            return ModelTooLarge(self.id, answer.message)
        message = answer.message or status.message
        return ModelNotReady(self.id, status.state, status.progress, message, _retry_after_seconds(status))

    def _order(self, order: Order) -> ModelStatus:
        try:
            answer = ask(self._runtime_dir.control_socket, order)
        except NoSupervisor:
            raise self.not_ready() from None
        if answer.code:
            raise self._refusal(answer)
        return answer.models[self.id]

    def _loaded(self, card: ModelCard) -> None:
        """Begin with the templates before anybody asks for them."""
        if not self._is_embedding:
            self._templates_of(card)

    @property
    def _present_templates(self) -> Templates | None:
        """Those of the model that is loaded; None if there is none, or nobody has asked for them yet."""
        card, templates = self.client.card, self._templates
        return templates if templates is not None and templates.card is card else None

    def _templates_of(self, card: ModelCard) -> Templates:
        if self._templates is None or self._templates.card is not card:
            self._templates = Templates(card, self._enable_thinking)
        return self._templates

    @property
    def _status(self) -> ModelStatus | None:
        return self._runtime_dir.read_status().models.get(self.id)


def _retry_after_seconds(status: ModelStatus) -> float:
    if status.retry_at is not None:
        return status.retry_at - time.time() + 1
    return RETRY_AFTER_SECONDS.get(status.state, 1.0)
