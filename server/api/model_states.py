"""The states of the models, as the supervisor has written them, in words that everybody may read.

It never talks to an engine. Where users are told apart nobody is told in which folders files lie: the log does.
"""

from __future__ import annotations

import re

from server.api.services import services
from server.protocol.runtime import ModelStatus, RuntimeDir, Status

JUST_STARTED = ModelStatus(state="loading", message="the server has just started")
"""Of a model of which the supervisor has not told anything yet."""

_FOLDERS = re.compile(r"(?<![\w:/])~?/(?:[^/\s'\"]+/)+")
"""In front of a file's name; what follows the colon of a URL is none."""


def read_status() -> Status:
    """The latest status; an empty one outside of a running server."""
    runtime_dir = RuntimeDir.from_environment()
    return runtime_dir.read_status() if runtime_dir else Status()


def public(message: str) -> str:
    """A message as everybody may read it."""
    return message if services().settings.auth == "off" else _FOLDERS.sub("", message)
