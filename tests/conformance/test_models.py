"""`client.models` of the official client, and the health endpoints."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI
from openai.types import Model

from tests.live_server import LiveServer

MODEL = "SmolLM2-135M-Instruct"


def test_the_models_are_listed(client: OpenAI) -> None:
    models = list(client.models.list())
    assert [model.id for model in models] == [MODEL]
    for model in models:
        Model.model_validate(model.model_dump(), strict=True)


def test_a_model_is_described(server: LiveServer, client: OpenAI) -> None:
    assert client.models.retrieve(MODEL).object == "model"
    meta = server.get(f"/v1/models/{MODEL}")[1]["meta"]
    assert (meta["n_ctx"], meta["n_ctx_train"], meta["n_vocab"], meta["num_slots"]) == (2048, 8192, 49152, 4)


@pytest.mark.parametrize("name", ["nothing", "org/nothing"])
def test_an_unknown_model_is_not_found(client: OpenAI, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve(name)
    assert caught.value.code == "model_not_found"
    assert name in caught.value.message


def test_the_server_is_alive_and_ready(server: LiveServer) -> None:
    assert server.get("/healthz")[:2] == (200, {"status": "ok"})
    assert server.get("/health")[:2] == (200, {"status": "ok"})
    status, body, _ = server.get("/readyz")
    assert status == 200
    assert body["models"][MODEL]["state"] == "ready"
