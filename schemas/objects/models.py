"""`/v1/models`: OpenAI's model object, with what is known of the model itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec


class ModelMeta(msgspec.Struct, frozen=True, kw_only=True):
    """A loaded model, in llama-server's words; null is what its backend does not know."""

    description: str | None
    n_ctx: int
    n_ctx_train: int | None
    n_vocab: int | None
    n_params: int | None
    size: int | None
    """Bytes of the weights."""
    num_slots: int | None


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a model can do; null is not known before it is loaded.

    `tools`: its chat template has a format for calls. Other models that generate are taught one.
    """

    generates: bool
    embeds: bool
    tools: bool | None
    reasoning: bool | None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that the settings name; `meta` is there once it is loaded.

    `state`, `progress` and `message` are the supervisor's, `device` is what a loaded model is computed on.
    """

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "parley"
    aliases: Sequence[str]
    state: str
    progress: float | None
    """Of the download or the load, from 0 to 1."""
    message: str
    capabilities: Capabilities
    device: Literal["cpu", "gpu", "mixed"] | None
    meta: ModelMeta | msgspec.UnsetType = msgspec.UNSET


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """All models; there are no pages."""

    object: Literal["list"] = "list"
    data: Sequence[Model]


class RouterOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What llama-server's router says to an order to load or unload a model: that it has been taken."""

    success: bool = True
