"""The beginning of a GGUF file: what it says of itself, and how long the file must be.

Reads only as far as the tensors' descriptions (megabytes, of a file of gigabytes), trusts no number in them, and knows
nothing of paths, of llama.cpp, or of what a model needs. Limits follow llama.cpp's own reader, ggml/src/gguf.cpp.

    magic, version, counts | key-value pairs | tensor infos | padding | tensor data ... |
                                                                      ^ data_offset     ^ num_expected_bytes
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = b"GGUF"
SUPPORTED_VERSIONS = (2, 3)

_BLOCK_BYTES = 1 << 20
_MAX_PAIRS = 1 << 20
_MAX_TENSORS = 1 << 20
_MAX_ARRAY_ELEMENTS = 1 << 30
_MAX_STRING_ELEMENTS = 1 << 24
_MAX_STRING_BYTES = 1 << 30
_MAX_KEPT_STRING_BYTES = 1 << 16
_MAX_DIMENSIONS = 4

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

# Sizes of the fixed-length value types by their number; 8 is a string, 9 an array.
_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT16, _UINT32, _STRING, _ARRAY = 2, 4, 8, 9

# ggml's tensor types: number -> (elements in a block, bytes of a block), from ggml/src/ggml.c. A type that came later
# is no reason to refuse a file: then the end of that tensor is simply not known here.
_TENSOR_BLOCKS = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    9: (32, 36),  # Q8_1
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    15: (256, 292),  # Q8_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
    34: (256, 54),  # TQ1_0
    35: (256, 66),  # TQ2_0
    39: (32, 17),  # MXFP4
    40: (64, 36),  # NVFP4
    41: (128, 18),  # Q1_0
    42: (64, 18),  # Q2_0
}


class HeaderError(Exception):
    """The header contradicts itself or asks for the impossible; `str()` says how."""


class UnsupportedVersion(HeaderError):
    """The file is GGUF, but in a version that llama.cpp does not read."""


class HeaderEnds(Exception):
    """The file ends inside its header."""


@dataclass(frozen=True)
class GGUFHeader:
    """What a GGUF file says of itself."""

    num_tensors: int
    data_offset: int
    num_expected_bytes: int
    """Where the last tensor ends; the file must be at least this long."""
    strings: dict[str, str]
    """Metadata with short string values, such as "general.architecture"."""
    numbers: dict[str, int]
    """Metadata with unsigned 16 or 32 bit values, such as "split.count"."""


def read_header(file: BinaryIO, num_bytes: int) -> GGUFHeader:
    """The header of a file of `num_bytes` that is at its beginning.

    Raises HeaderError, UnsupportedVersion, HeaderEnds, and OSError of the disk.
    """
    reader = _Reader(file, num_bytes)
    if reader.take(4) != MAGIC:
        raise HeaderError("it does not begin with GGUF")
    version = reader.u32()
    if version not in SUPPORTED_VERSIONS:
        raise UnsupportedVersion(_describe_version(version))
    num_tensors = reader.count(_MAX_TENSORS, "tensors")
    num_pairs = reader.count(_MAX_PAIRS, "metadata pairs")
    strings, numbers = _read_pairs(reader, num_pairs)
    end_of_data = max((_read_tensor_end(reader) for _ in range(num_tensors)), default=0)
    alignment = numbers.get("general.alignment", 32)
    if alignment == 0 or alignment & (alignment - 1):
        raise HeaderError(f"its alignment {alignment} is not a power of two")
    data_offset = -(-reader.position // alignment) * alignment
    # Without tensors nothing follows, not even the padding.
    num_expected_bytes = data_offset + end_of_data if num_tensors else reader.position
    return GGUFHeader(num_tensors, data_offset, num_expected_bytes, strings, numbers)


def _describe_version(version: int) -> str:
    if version & 0xFFFF == 0:
        return "its numbers are in big-endian byte order"
    return f"its GGUF version is {version}, llama.cpp reads {' and '.join(map(str, SUPPORTED_VERSIONS))}"


def _read_pairs(reader: _Reader, num_pairs: int) -> tuple[dict[str, str], dict[str, int]]:
    strings: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for _ in range(num_pairs):
        key = reader.string()
        kind = reader.u32()
        if kind == _STRING:
            num_bytes = reader.string_length()
            if num_bytes <= _MAX_KEPT_STRING_BYTES:
                strings[key] = reader.take(num_bytes).decode(errors="replace")
            else:
                reader.skip(num_bytes)
        elif kind in (_UINT16, _UINT32):
            numbers[key] = int.from_bytes(reader.take(_VALUE_BYTES[kind]), "little")
        elif kind == _ARRAY:
            _skip_array(reader, key)
        else:
            reader.skip(_value_bytes(kind, key))
    return strings, numbers


def _skip_array(reader: _Reader, key: str) -> None:
    kind = reader.u32()
    if kind == _STRING:
        reader.skip_strings(reader.count(_MAX_STRING_ELEMENTS, f"strings in {key!r}"))
    else:
        reader.skip(_value_bytes(kind, key) * reader.count(_MAX_ARRAY_ELEMENTS, f"values in {key!r}"))


def _value_bytes(kind: int, key: str) -> int:
    if kind not in _VALUE_BYTES:
        raise HeaderError(f"the value of {key!r} has the unknown type {kind}")
    return _VALUE_BYTES[kind]


def _read_tensor_end(reader: _Reader) -> int:
    """Reads one tensor's description; where its data ends, counted from the beginning of all data."""
    name = reader.string()
    num_dimensions = reader.u32()
    if num_dimensions > _MAX_DIMENSIONS:
        raise HeaderError(f"tensor {name!r} has {num_dimensions} dimensions, {_MAX_DIMENSIONS} is the most")
    shape = [reader.u64() for _ in range(num_dimensions)]
    kind = reader.u32()
    offset = reader.u64()
    if kind not in _TENSOR_BLOCKS:
        return offset
    block_elements, block_bytes = _TENSOR_BLOCKS[kind]
    row_elements = shape[0] if shape else 1
    if row_elements % block_elements:
        raise HeaderError(f"tensor {name!r} has rows of {row_elements} values, not a multiple of {block_elements}")
    num_bytes = row_elements // block_elements * block_bytes
    for length in shape[1:]:
        num_bytes *= length
    return offset + num_bytes


class _Reader:
    """Little-endian values from a file, read in blocks: a tokenizer alone has hundreds of thousands of strings."""

    def __init__(self, file: BinaryIO, num_bytes: int) -> None:
        self._file = file
        self._num_bytes = num_bytes
        self._block = b""
        self._block_start = 0
        self._index = 0

    @property
    def position(self) -> int:
        """Bytes from the beginning of the file."""
        return self._block_start + self._index

    def take(self, num_bytes: int) -> bytes:
        if self._index + num_bytes > len(self._block):
            self._load(num_bytes)
        start = self._index
        self._index += num_bytes
        return self._block[start : self._index]

    def skip(self, num_bytes: int) -> None:
        if self.position + num_bytes > self._num_bytes:
            raise HeaderEnds
        self._index += num_bytes

    def u32(self) -> int:
        value: int = _U32.unpack(self.take(4))[0]
        return value

    def u64(self) -> int:
        value: int = _U64.unpack(self.take(8))[0]
        return value

    def count(self, most: int, what: str) -> int:
        value = self.u64()
        if value > most:
            raise HeaderError(f"it claims to have {value:,} {what}")
        return value

    def string_length(self) -> int:
        return self.count(_MAX_STRING_BYTES, "bytes in a string")

    def string(self) -> str:
        """A name; those are short."""
        return self.take(self.count(_MAX_KEPT_STRING_BYTES, "bytes in a name")).decode(errors="replace")

    def skip_strings(self, count: int) -> None:
        """Like `skip(string_length())`, `count` times, without two calls for each."""
        unpack = _U64.unpack_from
        for _ in range(count):
            if self._index + 8 > len(self._block):
                self._load(8)
            num_bytes: int = unpack(self._block, self._index)[0]
            if num_bytes > _MAX_STRING_BYTES:
                raise HeaderError(f"it claims to have {num_bytes:,} bytes in a string")
            self._index += 8 + num_bytes
        if self.position > self._num_bytes:
            raise HeaderEnds

    def _load(self, num_bytes: int) -> None:
        """Have at least `num_bytes` of the file from the present position on in the block."""
        self._block_start, self._index = self.position, 0
        if self._block_start + num_bytes > self._num_bytes:
            raise HeaderEnds
        self._file.seek(self._block_start)
        self._block = self._file.read(max(num_bytes, _BLOCK_BYTES))
        if len(self._block) < num_bytes:
            raise HeaderEnds
