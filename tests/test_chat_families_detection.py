from __future__ import annotations

import pytest

from server.chat.families.detection import FAMILIES, GENERIC, detect
from server.chat.template import FALLBACK_SOURCE
from tests.chat_templates import source_of

TEMPLATES = {
    "thinking": "hermes",
    "channels": "harmony",
    "header_ids": "llama",
    "instructions": "mistral-array",
    "fullwidth": "deepseek",
    "chatml": "generic",
    "no_system": "generic",
    "role_tokens": "generic",
}


@pytest.mark.parametrize(("template", "family"), TEMPLATES.items())
def test_the_family_is_known_by_the_template(template: str, family: str) -> None:
    assert detect(source_of(template)).name == family


def test_a_model_without_a_template_gets_the_generic_format() -> None:
    assert detect(FALLBACK_SOURCE) is GENERIC


def test_families_have_names_of_their_own() -> None:
    names = [family.name for family in (*FAMILIES, GENERIC)]
    assert len(names) == len(set(names))
