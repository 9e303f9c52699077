"""Names for models whose KV caches must not be mixed up: another file, library or kind of context has another name.

Reads a little of the model's file and not all of it. It does not know llama.cpp.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

HEAD_BYTES = 1 << 20
"""Bytes that are read from the beginning of a file."""

NUM_SAMPLES = 64
"""Samples that are read from all over a file."""

SAMPLE_BYTES = 4096
"""Bytes of a sample."""

_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")


def state_fingerprint(model_path: Path, *facts: object) -> str:
    """A name for directories and headers. `facts` is all else on which the bytes of a saved state depend.

    Of the file it takes size, modification time, beginning, and samples from all over it. Raises OSError.
    """
    digest = hashlib.sha256(repr((sys.byteorder, *facts)).encode())
    for path in _parts(model_path):
        _add_file(digest, path)
    return digest.hexdigest()[:32]


def _parts(path: Path) -> list[Path]:
    """The file, or all files of a split model, which is named by the first."""
    match = _PART.search(path.name)
    if match is None:
        return [path]
    stem, num_parts = path.name[: match.start()], int(match[1])
    return [path.with_name(f"{stem}-{number:05}-of-{num_parts:05}.gguf") for number in range(1, num_parts + 1)]


def _add_file(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        stat = os.fstat(file.fileno())
        digest.update(repr((stat.st_size, stat.st_mtime_ns)).encode())
        digest.update(file.read(HEAD_BYTES))
        for number in range(NUM_SAMPLES):
            file.seek(stat.st_size * number // NUM_SAMPLES)
            digest.update(file.read(SAMPLE_BYTES))
