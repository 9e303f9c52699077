"""Whether a file can be served at all: found out in a moment, without llama.cpp, and said in words that help.

Catches what people really run into (a wrong path, a half-finished copy, a Git LFS pointer, a projector instead of the
model). It does not know whether llama.cpp supports the architecture; that is told when the engine loads the file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from server.models.errors import (
    Accessory,
    ModelFileDamaged,
    ModelFileError,
    ModelFileMissing,
    ModelFileTruncated,
    ModelFileUnreadable,
    NotAModelFile,
    list_names,
)
from server.models.gguf_header import (
    MAGIC,
    GGUFHeader,
    HeaderEnds,
    HeaderError,
    UnsupportedVersion,
    read_header,
)
from server.models.split import Part

# How files begin that people take for models.
_LOOKALIKES = {
    b"version https://git-lfs": "it is a Git LFS pointer, the model itself was not fetched (run `git lfs pull`)",
    b"<": "it looks like a web page or XML",
    b"PK\x03\x04": "it is a zip archive or a PyTorch checkpoint",
    b"tjgg": "it has the ggml format that came before GGUF; llama.cpp does not read it any more",
    b"lmgg": "it has the ggml format that came before GGUF; llama.cpp does not read it any more",
    b"fmgg": "it has the ggml format that came before GGUF; llama.cpp does not read it any more",
}

# GGUF's `general.type`: files that belong to a model but are none. Unknown types are let through.
_ACCESSORIES = {
    "adapter": "it is a LoRA adapter",
    "mmproj": "it is a multimodal projector",
    "imatrix": "it is an importance matrix for quantization",
}


PROJECTOR_ARCHITECTURE = "clip"


def check_model_file(path: Path) -> GGUFHeader:
    """The header of `path`, if it (and, of a split model, every other part) can be given to llama.cpp.

    Raises a ModelFileError that says exactly why not.
    """
    header = _check_one(path)
    part = Part.parse(path.name)
    if part is None:
        if header.num_tensors == 0:
            raise NotAModelFile(path, "it holds no tensors")
        return header
    if part.number != 1:
        raise NotAModelFile(path, f"it is part {part.number} of {part.count}; name the first, {part.all_names()[0]}")
    for name in part.all_names()[1:]:
        _check_one(path.with_name(name))
    return header


def _check_one(path: Path) -> GGUFHeader:
    try:
        _check_kind(path)
        # Unbuffered: the header's reader takes large blocks itself.
        with open(path, "rb", buffering=0) as file:
            num_bytes = os.fstat(file.fileno()).st_size
            header = _read(path, file, num_bytes)
    except OSError as error:
        raise _describe(path, error) from error
    if num_bytes < header.num_expected_bytes:
        raise ModelFileTruncated(path, num_bytes, header.num_expected_bytes)
    accessory = _ACCESSORIES.get(header.strings.get("general.type", ""))
    if header.strings.get("general.architecture") == PROJECTOR_ARCHITECTURE:
        accessory = _ACCESSORIES["mmproj"]  # from before there was a type
    if accessory:
        raise Accessory(path, f"{accessory}, not a language model")
    return header


def _check_kind(path: Path) -> None:
    """A directory is a common mistake, and opening a named pipe would wait for ever."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        names = sorted(child.name for child in path.glob("*.gguf"))
        raise ModelFileUnreadable(path, f"it is a directory; {_offer(names)}")
    if not stat.S_ISREG(mode):
        raise ModelFileUnreadable(path, "it is not a regular file")


def _offer(names: list[str]) -> str:
    return f"name one of its files: {list_names(names)}" if names else "it holds no .gguf file either"


def _read(path: Path, file: BinaryIO, num_bytes: int) -> GGUFHeader:
    beginning = file.read(64)
    file.seek(0)
    if beginning[: len(MAGIC)] != MAGIC[: len(beginning)]:
        raise NotAModelFile(path, _describe_beginning(beginning))
    try:
        return read_header(file, num_bytes)
    except HeaderEnds as error:
        raise ModelFileTruncated(path, num_bytes, None) from error
    except UnsupportedVersion as error:
        raise NotAModelFile(path, str(error)) from error
    except HeaderError as error:
        raise ModelFileDamaged(path, str(error)) from error


def _describe_beginning(beginning: bytes) -> str:
    for magic, reason in _LOOKALIKES.items():
        if beginning.lstrip().startswith(magic):
            return reason
    if beginning[8:10] == b'{"':
        return "it is a safetensors file; llama.cpp needs the model converted to GGUF"
    return f"it begins with {beginning[:8]!r} instead of {MAGIC!r}"


def _describe(path: Path, error: OSError) -> ModelFileError:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        target = f" (a link to {os.readlink(path)}, which is gone)" if path.is_symlink() else ""
        return ModelFileMissing(path, target)
    return ModelFileUnreadable(path, error.strerror or str(error))
