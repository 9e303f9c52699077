"""The bodies that load and unload models: ours, and those of llama-server's router, which name the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas.fields.base import Boolean, Choice, RequestSchema, Text
from schemas.fields.loading import load
from schemas.generation import MAX_NAME_LENGTH


@dataclass(frozen=True)
class LoadRequest:
    """Where a model is to be loaded."""

    device: Literal["auto", "cpu", "gpu"] | None = None
    """None is where it was last, and at first as the settings say."""


@dataclass(frozen=True)
class UnloadRequest:
    """How a model is to be unloaded."""

    force: bool = False
    """Whether to end the answers that it is writing."""


@dataclass(frozen=True)
class NamedModel:
    """A model that is to be loaded or unloaded."""

    model: str


class LoadSchema(RequestSchema):
    device = Choice(("auto", "cpu", "gpu"))


class UnloadSchema(RequestSchema):
    force = Boolean()


class NamedModelSchema(RequestSchema):
    model = Text(MAX_NAME_LENGTH, required=True)


LOAD = LoadSchema()
UNLOAD = UnloadSchema()
NAMED = NamedModelSchema()


def load_load(body: Mapping[str, Any]) -> LoadRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    return LoadRequest(**load(LOAD, body))


def load_unload(body: Mapping[str, Any]) -> UnloadRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    return UnloadRequest(**load(UNLOAD, body))


def load_named_model(body: Mapping[str, Any]) -> NamedModel:
    """The request in a decoded JSON object; raises SchemaError."""
    return NamedModel(**load(NAMED, body))
