"""Small GGUF files for tests, written by hand so that every byte of them can be wrong on purpose."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

ALIGNMENT = 32

Value = str | int | Sequence[str]


def make_gguf(
    metadata: Mapping[str, Value] | None = None,
    tensors: Mapping[str, tuple[int, tuple[int, ...], int]] | None = None,
    *,
    version: int = 3,
    alignment: int = ALIGNMENT,
) -> bytes:
    """A whole file. `tensors` gives for each name: ggml's type number, shape, and bytes of data."""
    metadata = {"general.architecture": "llama"} if metadata is None else metadata
    tensors = {"token_embd.weight": (0, (8, 4), 128)} if tensors is None else tensors
    header = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    header += b"".join(string(key) + value(content) for key, content in metadata.items())
    data = b""
    for name, (kind, shape, num_bytes) in tensors.items():
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        header += string(name) + dimensions + struct.pack("<IQ", kind, len(data))
        data += pad(b"\x01" * num_bytes, alignment)
    return pad(header, alignment) + data


def string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def value(content: Value) -> bytes:
    """A metadata value with its type: text, a 32-bit number, or a list of texts."""
    if isinstance(content, str):
        return struct.pack("<I", 8) + string(content)
    if isinstance(content, int):
        return struct.pack("<II", 4, content)
    return struct.pack("<IIQ", 9, 8, len(content)) + b"".join(map(string, content))


def pad(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)
