"""A model as workers see it: which template its requests get, and what the log says of that when it is first used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from server.backends.local.model import LocalModel
from server.chat.template.template import TemplateError
from server.models.catalogue import Catalogue
from server.protocol.messages import ModelCard
from server.protocol.runtime import RuntimeDir
from server.settings import ModelEntry, Settings
from tests.backends.local.test_submission import CARD
from tests.chat.chat_templates import text_of

USER = [{"role": "user", "content": "Hi"}]
GENERAL = msgspec.structs.replace(CARD, chat_template="general{{ enable_thinking }}")
BOTH = msgspec.structs.replace(GENERAL, tool_chat_template="for tools{{ enable_thinking }}")

Load = Callable[..., LocalModel]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    def loaded(card: ModelCard, **own: bool) -> LocalModel:
        settings = Settings(models=(ModelEntry(source=str(tmp_path / "m.gguf"), **own),), enable_thinking=True)  # type: ignore[arg-type]
        model = LocalModel(Catalogue.from_settings(settings).models[0], RuntimeDir(tmp_path))
        monkeypatch.setattr(model, "card", lambda: card)
        return model

    return loaded


def prompt(model: LocalModel, has_tools: bool) -> str:
    return text_of(model.chat_template(has_tools).render(USER))


def test_requests_with_tools_get_the_template_for_them_if_there_is_one(load: Load) -> None:
    model = load(BOTH)
    assert [prompt(model, has_tools) for has_tools in (False, True)] == ["generalTrue", "for toolsTrue"]
    assert model.chat_template(True) is model.chat_template(True) is not model.chat_template(False)
    assert prompt(load(GENERAL), True) == "generalTrue"


def test_a_models_own_setting_for_thinking_comes_before_that_of_all(load: Load) -> None:
    assert prompt(load(GENERAL), False) == "generalTrue"
    assert prompt(load(GENERAL, enable_thinking=False), False) == "generalFalse"


def test_a_broken_template_for_tools_leaves_the_other_alone(load: Load) -> None:
    model = load(msgspec.structs.replace(BOTH, tool_chat_template="{% if"))
    assert prompt(model, False) == "generalTrue"
    for _ in range(2):
        with pytest.raises(TemplateError):
            model.chat_template(True)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ messages[0].no.such.thing }}", "the chat template of m refuses even a plain question: The model's"),
        ("{{ messages[0].content }}", ""),
    ],
)
def test_a_template_that_fails_at_everything_is_named_in_the_log_once(
    source: str, said: str, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    card: ModelCard = msgspec.structs.replace(CARD, chat_template=source)
    model = load(card)
    with caplog.at_level(logging.ERROR):
        model.chat_template()
        model.chat_template()
    assert [said in record.message for record in caplog.records] == ([True] if said else [])
