"""What is known of one template, each thing found out by trying it when it is first asked for.

It is given a way to run the template, and does not know jinja2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from server.chat.families.detection import GENERIC
from server.chat.reasoning import ThinkTags
from server.chat.template.capabilities import (
    BARE_TOOL,
    PROBED_TOOL,
    Capabilities,
    Render,
    find_capabilities,
    roles_with_parts,
    takes_tool,
    wants_parts,
)
from server.chat.template.conversation import Audience, Message, as_shown
from server.chat.template.descriptions import DESCRIBING, Describe
from server.chat.template.errors import TemplateError
from server.chat.template.reshaping import reshaped
from server.chat.template.shapes import INSTRUCTION_ROLES, STRICTEST, Shapes, find_shapes
from server.chat.template.thoughts import find_thoughts_key

Tool = Mapping[str, Any]


class Learned:
    """How conversations are written for one template."""

    def __init__(
        self, source: str, render: Render, own_text: Callable[[str], str], think_tags: Callable[[], ThinkTags | None]
    ) -> None:
        self._source = source
        self._render = render
        self._own_text = own_text
        self._think_tags = think_tags
        self._shapes: dict[bool, Shapes] = {}

    def shown(self, messages: Sequence[Message], *, has_tools: bool) -> list[dict[str, Any]]:
        """The messages in a shape that the template takes and shows."""
        return as_shown(reshaped(messages, self.shapes(has_tools), GENERIC), self._audience)

    def shown_plainly(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The messages as words of the user and the assistant in turn, which is the least that templates take."""
        return as_shown(reshaped(messages, STRICTEST, GENERIC), self._audience)

    def tools(self, tools: Sequence[Tool]) -> list[Tool]:
        """The tools, described where the template needs that."""
        return list(map(self._describe, tools))

    def shapes(self, has_tools: bool) -> Shapes:
        """What the template takes; some read conversations in another way where there are tools."""
        if has_tools not in self._shapes:
            tools = [PROBED_TOOL] if has_tools else []
            self._shapes[has_tools] = find_shapes(
                lambda messages: self._render(as_shown(messages, self._audience), tools),
                self._instruction_roles,
                GENERIC,
            )
        return self._shapes[has_tools]

    def problem(self, has_tools: bool) -> str | None:
        """What the template says to a mere question, where it takes that neither alone nor behind instructions."""
        question = {"role": "user", "content": "Hello"}
        said = self._refusal([question], has_tools)
        if said is None or self._refusal([{"role": "system", "content": "Be brief."}, question], has_tools) is None:
            return None
        return said

    def _refusal(self, messages: Sequence[Message], has_tools: bool) -> str | None:
        try:
            self._render(as_shown(messages, self._audience), [PROBED_TOOL] * has_tools)
        except TemplateError as error:
            return str(error)
        return None

    def all(self) -> None:
        """Find out everything."""
        for has_tools in (False, True):
            self.shapes(has_tools)
        self.tools([BARE_TOOL])

    @property
    def _instruction_roles(self) -> list[str]:
        # Some write out whatever role there is, also one that their models have never seen.
        return [role for role in INSTRUCTION_ROLES if role == "system" or role in self._source]

    @cached_property
    def _audience(self) -> Audience:
        return Audience(
            capabilities=self._capabilities,
            own_text=self._own_text,
            thoughts_key=self._thoughts_key,
            think_tags=self._think_tags(),
            wants_parts=wants_parts(self._render),
            roles_with_parts=roles_with_parts(self._render),
        )

    @cached_property
    def _capabilities(self) -> Capabilities:
        return find_capabilities(self._render)

    @cached_property
    def _thoughts_key(self) -> str | None:
        return find_thoughts_key(self._source, self._render, self._think_tags())

    @cached_property
    def _describe(self) -> Describe:
        fit = (describe for describe in DESCRIBING if takes_tool(self._render, describe(BARE_TOOL)))
        return next(fit, DESCRIBING[0])
