"""A model as workers see it: what the log says of its chat template when that is first used."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from server.backends.local.model import LocalModel
from server.protocol.messages import ModelCard
from server.protocol.runtime import RuntimeDir
from tests.backends.local.test_submission import CARD


class Spec:
    """As much of a `ModelSpec` as a loaded model needs."""

    id = "m"
    index = 0


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ messages[0].no.such.thing }}", "the chat template of m refuses even a plain question: The model's"),
        ("{{ messages[0].content }}", ""),
    ],
)
def test_a_template_that_fails_at_everything_is_named_in_the_log_once(
    source: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    card: ModelCard = msgspec.structs.replace(CARD, chat_template=source)
    model = LocalModel(Spec(), RuntimeDir(tmp_path))  # type: ignore[arg-type]
    monkeypatch.setattr(model, "card", lambda: card)
    with caplog.at_level(logging.ERROR):
        model.chat_template()
        model.chat_template()
    assert [said in record.message for record in caplog.records] == ([True] if said else [])
