"""Which family a chat template belongs to. It knows the families, and of a template only its source."""

from __future__ import annotations

from server.chat.families.family import PromptedFamily, ToolFamily
from server.chat.families.generic import Generic
from server.chat.families.hermes import Hermes

GENERIC: PromptedFamily = Generic()

FAMILIES: tuple[ToolFamily, ...] = (Hermes(),)
"""In the order in which they are asked: the more particular first, as many templates have the words of others too."""


def detect(template_source: str) -> ToolFamily:
    """The first family that recognizes the template; for one that teaches no format that we know, `GENERIC`."""
    return next((family for family in FAMILIES if family.recognizes(template_source)), GENERIC)
