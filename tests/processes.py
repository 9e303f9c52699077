"""Processes for tests: engines that do or say what they are told, and a real gunicorn around them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.live_server import LiveServer, alive
from tests.models.gguf_maker import make_gguf

FAKE_ENGINE = Path(__file__).with_name("supervisor") / "fake_engine.py"

REAL_APPLICATION = "server.app:create_app()"

LOADING = {"report": {"state": "loading", "progress": 0.5}}
READY = {"report": {"state": "ready"}}
LISTEN = {"listen": True}

Step = dict[str, Any]


def fake_command(*steps: Step) -> list[str]:
    """The command line of a fake engine that does `steps`."""
    return [sys.executable, str(FAKE_ENGINE), json.dumps(steps)]


def write_model(directory: Path) -> Path:
    """A file that passes for a model until somebody loads it."""
    path = directory / "fake.gguf"
    path.write_bytes(make_gguf())
    return path


class FakeServer(LiveServer):
    """gunicorn and the supervisor as they are, with fake engines and a tiny application, or another one."""

    def __init__(
        self, *steps: Step, toml: str | None = None, application: str = "tests.tiny_app:app", **settings: Any
    ) -> None:
        """`toml` is the content of `settings_file`, which can be changed later; the rest become variables."""
        super().__init__(**{"workers": 1, **settings})
        self.directory = Path(self.data_dir.name)
        self.settings_file = self.directory / "parley.toml"
        if toml is not None:
            self.settings_file.write_text(toml)
            self._settings["config"] = self.settings_file
        self._settings.setdefault("model", write_model(self.directory))
        engine = json.dumps(fake_command(*(steps or (LISTEN, READY))))
        gunicorn = [sys.executable, "-m", "gunicorn", application]
        # TMPDIR: so that this server's runtime directory can be told from others.
        self._command = ["env", f"_PARLEY_ENGINE_COMMAND={engine}", f"TMPDIR={self.directory}", *gunicorn]

    @property
    def runtime_dirs(self) -> list[Path]:
        return list(self.directory.glob("parley-*"))

    @property
    def master(self) -> psutil.Process:
        return self.family()[0]

    @property
    def engines(self) -> list[psutil.Process]:
        return alive(self.members(FAKE_ENGINE.name))

    @property
    def supervisors(self) -> list[psutil.Process]:
        return alive(self.members("server.supervisor"))


def open_files(process: psutil.Process) -> set[str]:
    """What the process has open, as Linux names it; pipes have names that are the same at both ends."""
    links = list(Path(f"/proc/{process.pid}/fd").iterdir())
    return {name for link in links if (name := _target(link))}


def _target(link: Path) -> str | None:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return None  # the process has closed it meanwhile


class SayingServer(LiveServer):
    """The server with one model for each of the templates; the models say what the conversation tells them to."""

    def __init__(self, *templates: str, **settings: Any) -> None:
        super().__init__(**{"workers": 1, **settings})
        directory = Path(self.data_dir.name)
        sources = []
        for name in templates:
            sources.append({"source": str(directory / f"{name}.gguf")})
            (directory / f"{name}.gguf").write_bytes(make_gguf())
        self._settings["models"] = json.dumps(sources)
        engine = json.dumps([sys.executable, "-m", "tests.saying_engine"])
        self._command = ["env", f"_PARLEY_ENGINE_COMMAND={engine}", *self._command]
