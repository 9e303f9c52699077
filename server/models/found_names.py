"""What found models are called: by their file's name, or by their path in the folder where two have one name.

Knows names only; whoever configured a model has the name first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from server.models.folders import FoundFile
from server.models.source import LocalFile, default_model_id


def name_models(files: Sequence[FoundFile], taken: Collection[str]) -> dict[str, FoundFile]:
    """Files by their ids, none of which is among those that are taken.

    A file that is called like another in every way is left out: the folder that is named first counts.
    """
    plain = Counter(_plain(file) for file in files)
    named: dict[str, FoundFile] = {}
    for file in files:
        name = _plain(file)
        if plain[name] > 1 or name in taken:
            name = _deep(file)
        if name not in taken:
            named.setdefault(name, file)
    return named


def _plain(file: FoundFile) -> str:
    return default_model_id(LocalFile(file.path))


def _deep(file: FoundFile) -> str:
    """The path in its folder, without the file's ending."""
    return file.path.relative_to(file.folder).with_name(_plain(file)).as_posix()
