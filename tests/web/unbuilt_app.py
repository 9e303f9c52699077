"""The application of a server whose chat page is not built, whatever this checkout has."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from server.api.services import EXTENSION
from server.app import create_app
from server.chat_page import ChatPage

app = create_app()
app.extensions[EXTENSION] = dataclasses.replace(app.extensions[EXTENSION], page=ChatPage(Path("/nowhere")))
