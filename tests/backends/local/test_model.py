"""A model as workers see it: which template its requests get, and what is said of a broken one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import gevent
import msgspec
import pytest

from server.answers.backend import Features
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

TOOL_SOURCE = '{{ messages[0].content }}{{ tools }}<tool_call></tool_call>{"name": , "arguments": }'

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


@pytest.fixture
def connected(load: Load) -> Load:
    """One whose engine has just been connected, and whose templates have been tried."""

    def connected(card: ModelCard, **own: bool) -> LocalModel:
        model = load(card, **own)
        model._loaded(card)
        model.client.card = card
        while model.template_state() is None and not own.get("embedding"):
            gevent.sleep(0.001)
        return model

    return connected


NO_CHAT = "{{ messages[0].no.such.thing }}"
AT_LEAST = "{% if messages|length < 2 %}{{ raise_exception('too few') }}{% endif %}{{ messages[1].content }}"


@pytest.mark.parametrize(
    ("source", "tool_source", "state", "logged"),
    [
        ("{{ messages[0].content }}", None, "fine", None),
        (AT_LEAST, None, "fine", None),
        (None, None, "none: ChatML is used", "m has no chat template; ChatML is used"),
        ("{% if", None, "broken: The model's", "the chat template of m is broken: The model's"),
        (NO_CHAT, None, "broken: The model's", "the chat template of m refuses even a plain question: The model's"),
        (
            *("{{ messages[0].content }}", NO_CHAT),
            "broken for requests with tools: The model's",
            "the chat template for tools of m refuses even a plain question: The model's",
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_known_and_logged_once_before_any_request(
    source: str | None,
    tool_source: str | None,
    state: str,
    logged: str | None,
    connected: Load,
    caplog: pytest.LogCaptureFixture,
) -> None:
    card: ModelCard = msgspec.structs.replace(CARD, chat_template=source, tool_chat_template=tool_source)
    model = connected(card)
    assert (model.template_state() or "").startswith(state)
    for has_tools in (False, True):
        with suppress(TemplateError):
            model.chat_template(has_tools)
    assert [record.message.startswith(logged or "") for record in caplog.records] == ([True] if logged else [])


def test_a_long_complaint_of_a_template_is_told_in_part(connected: Load) -> None:
    source = "{{ raise_exception('x' * 5000 + '\\n' + 'y') }}"
    state = connected(msgspec.structs.replace(CARD, chat_template=source)).template_state()
    assert state == f"broken: {'x' * 200}..."


def test_nothing_is_known_of_the_template_of_a_model_that_is_gone_or_embeds(connected: Load) -> None:
    model = connected(GENERAL)
    model.client.card = None
    assert model.template_state() is None
    assert connected(GENERAL, embedding=True).template_state() is None


@pytest.mark.parametrize(
    ("source", "tool_source", "expected"),
    [
        ("{{ messages[0].content }}", None, Features(calls_tools=False, reasons=False)),
        ("{{ messages[0].content }}<think>", None, Features(calls_tools=False, reasons=True)),
        ("{{ messages[0].content }}<think>", TOOL_SOURCE, Features(calls_tools=True, reasons=True)),
        ("{% if", None, Features(calls_tools=False, reasons=False)),
    ],
)
def test_what_a_model_can_do_is_read_from_its_templates(
    source: str, tool_source: str | None, expected: Features, connected: Load
) -> None:
    model = connected(msgspec.structs.replace(CARD, chat_template=source, tool_chat_template=tool_source))
    assert model.features() == expected


def test_it_is_not_known_before_there_are_any(load: Load) -> None:
    assert load(GENERAL).features() == Features()
