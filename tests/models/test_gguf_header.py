import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.models.gguf_header import GGUFHeader, HeaderEnds, HeaderError, UnsupportedVersion, read_header
from server.models.source import demo_model_path
from tests.models.gguf_maker import make_gguf, string


def read(data: bytes) -> GGUFHeader:
    return read_header(io.BytesIO(data), len(data))


def test_the_end_of_the_last_tensor_is_found() -> None:
    data = make_gguf(tensors={"a": (0, (8, 4), 128), "b": (2, (64, 3), 64 // 32 * 18 * 3)})
    # The padding after the last tensor may be missing, as for llama.cpp.
    assert read(data).num_expected_bytes == len(data) - (-108 % 32)


@pytest.mark.parametrize("alignment", [8, 32, 64, 4096])
def test_data_begins_at_the_alignment_that_the_file_asks_for(alignment: int) -> None:
    data = make_gguf({"general.alignment": alignment}, alignment=alignment)
    header = read(data)
    assert header.data_offset % alignment == 0
    assert header.num_expected_bytes == header.data_offset + 128


def test_short_strings_and_numbers_are_kept_and_arrays_are_passed_over() -> None:
    header = read(
        make_gguf({"general.type": "model", "tokenizer.ggml.tokens": ["a", "", "ü" * 99] * 9_000, "split.count": 3})
    )
    assert header.strings == {"general.type": "model"}
    assert header.numbers == {"split.count": 3}


def test_a_long_string_is_passed_over() -> None:
    header = read(make_gguf({"tokenizer.chat_template": "x" * 3_000_000, "general.type": "model"}))
    assert header.strings == {"general.type": "model"}


def test_a_tensor_type_of_the_future_counts_as_far_as_it_is_known() -> None:
    data = make_gguf(tensors={"a": (0, (8, 4), 128), "b": (9999, (8, 4), 500)})
    header = read(data)
    assert header.num_expected_bytes == header.data_offset + 128


def test_a_file_without_tensors_ends_with_its_header() -> None:
    data = make_gguf(tensors={})
    assert read(data).num_expected_bytes <= len(data)


@pytest.mark.parametrize("num_bytes", range(4, 100, 7))
def test_a_file_that_ends_inside_its_header_says_so(num_bytes: int) -> None:
    with pytest.raises(HeaderEnds):
        read(make_gguf({"general.architecture": "llama", "general.name": "x" * 100})[:num_bytes])


@pytest.mark.parametrize(
    ("version", "words"), [(1, "version is 1"), (4, "version is 4"), (0x03000000, "big-endian byte order")]
)
def test_a_version_that_llama_cpp_does_not_read_is_named(version: int, words: str) -> None:
    with pytest.raises(UnsupportedVersion, match=words):
        read(make_gguf(version=version))


HEADER = b"GGUF" + struct.pack("<I", 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"ggml" + bytes(100), "does not begin with GGUF"),
        (HEADER + struct.pack("<QQ", 2**63, 1), "9,223,372,036,854,775,808 tensors"),
        (HEADER + struct.pack("<QQ", 1, 2**32), "4,294,967,296 metadata pairs"),
        (HEADER + struct.pack("<QQQ", 1, 1, 2**40), "bytes in a name"),
        (HEADER + struct.pack("<QQ", 0, 1) + string("k") + struct.pack("<I", 99), "unknown type 99"),
        (HEADER + struct.pack("<QQ", 0, 1) + string("k") + struct.pack("<IIQ", 9, 9, 1), "unknown type 9"),
        (HEADER + struct.pack("<QQ", 0, 1) + string("k") + struct.pack("<IIQ", 9, 8, 2**40), "strings in 'k'"),
        (HEADER + struct.pack("<QQ", 0, 1) + string("k") + struct.pack("<IIQQ", 9, 8, 1, 2**60), "bytes in a string"),
        (HEADER + struct.pack("<QQ", 0, 1) + string("k") + struct.pack("<IQ", 8, 2**60), "bytes in a string"),
        (HEADER + struct.pack("<QQ", 1, 0) + string("t") + struct.pack("<I", 5), "5 dimensions"),
        (make_gguf(tensors={"t": (2, (33,), 18)}), "rows of 33 values, not a multiple of 32"),
        (make_gguf({"general.alignment": 48}), "alignment 48"),
        (make_gguf({"general.alignment": 0}, alignment=1), "alignment 0"),
    ],
)
def test_rubbish_is_called_by_its_name(data: bytes, words: str) -> None:
    with pytest.raises(HeaderError, match=words):
        read(data)


@given(st.binary(max_size=400))
def test_any_bytes_after_the_magic_are_either_read_or_refused(rest: bytes) -> None:
    try:
        read(HEADER + rest)
    except (HeaderError, HeaderEnds):
        pass


@given(st.integers(0, 299), st.binary(min_size=1, max_size=9))
def test_damage_anywhere_is_either_harmless_or_refused(position: int, damage: bytes) -> None:
    data = bytearray(make_gguf({"general.architecture": "llama", "tokens": ["a", "bc"], "split.count": 1}))
    data[position : position + len(damage)] = damage
    try:
        read(bytes(data))
    except (HeaderError, HeaderEnds):
        pass


def test_the_demo_model_is_exactly_as_long_as_its_header_says() -> None:
    path = demo_model_path()
    assert path is not None
    num_bytes = path.stat().st_size
    with open(path, "rb", buffering=0) as file:
        header = read_header(file, num_bytes)
    assert header.num_expected_bytes == num_bytes
    assert header.strings["general.architecture"] == "llama"
