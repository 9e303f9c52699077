import os
from pathlib import Path

import pytest

from server.models.errors import (
    ModelFileDamaged,
    ModelFileError,
    ModelFileMissing,
    ModelFileTruncated,
    ModelFileUnreadable,
    NotAModelFile,
)
from server.models.gguf_file import check_model_file
from server.models.source import demo_model_path
from tests.models.gguf_maker import make_gguf


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture
def demo_model() -> Path:
    path = demo_model_path()
    assert path is not None
    return path


def test_the_demo_model_is_good(demo_model: Path) -> None:
    check_model_file(demo_model)


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.99])
def test_a_truncated_copy_of_the_demo_model_says_how_long_it_is(demo_model: Path, tmp_path: Path, share: float) -> None:
    num_bytes = int(demo_model.stat().st_size * share)
    with open(demo_model, "rb") as file:
        copy = write(tmp_path / "copy.gguf", file.read(num_bytes))
    with pytest.raises(ModelFileTruncated, match=f"truncated: it ends after {num_bytes:,} bytes") as caught:
        check_model_file(copy)
    assert caught.value.num_expected_bytes in (None, demo_model.stat().st_size)


def test_one_missing_byte_is_noticed_and_both_numbers_are_told(demo_model: Path, tmp_path: Path) -> None:
    copy = write(tmp_path / "copy.gguf", demo_model.read_bytes()[:-1])
    with pytest.raises(ModelFileTruncated) as caught:
        check_model_file(copy)
    assert str(caught.value) == (
        f"the model file {copy} is truncated: it ends after 98,362,431 bytes, but its header describes "
        "98,362,432 bytes; fetch it again"
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match=rf"there is no model file {tmp_path}/none.gguf$"):
        check_model_file(tmp_path / "none.gguf")


def test_a_missing_folder_counts_as_a_missing_file(tmp_path: Path) -> None:
    file = write(tmp_path / "file", b"")
    with pytest.raises(ModelFileMissing):
        check_model_file(file / "model.gguf")


def test_a_link_to_nowhere_is_explained(tmp_path: Path) -> None:
    link = tmp_path / "model.gguf"
    link.symlink_to("gone.gguf")
    with pytest.raises(ModelFileMissing, match=r"\(a link to gone.gguf, which is gone\)"):
        check_model_file(link)


def test_a_directory_offers_the_models_in_it(tmp_path: Path) -> None:
    with pytest.raises(ModelFileUnreadable, match=r"it is a directory; it holds no .gguf file either"):
        check_model_file(tmp_path)
    write(tmp_path / "b.gguf", b"")
    write(tmp_path / "a.gguf", b"")
    with pytest.raises(ModelFileUnreadable, match=r"it is a directory; name one of its files: a.gguf, b.gguf"):
        check_model_file(tmp_path)


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelFileUnreadable, match="it is not a regular file"):
        check_model_file(tmp_path / "pipe.gguf")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "model.gguf", make_gguf())
    path.chmod(0)
    with pytest.raises(ModelFileUnreadable, match="Permission denied"):
        check_model_file(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n<html>", "web page"),
        (b"PK\x03\x04" + bytes(30), "PyTorch checkpoint"),
        (b'\x40\x00\x00\x00\x00\x00\x00\x00{"__metadata__"', "safetensors"),
        (b"tjgg" + bytes(60), "came before GGUF"),
        (b"something else", "it begins with b'somethin' instead of b'GGUF'"),
        (make_gguf(version=1), "GGUF version is 1"),
        (make_gguf({"general.type": "mmproj"}), "multimodal projector, not a language model"),
        (make_gguf({"general.type": "adapter"}), "LoRA adapter"),
        (make_gguf(tensors={}), "holds no tensors"),
    ],
)
def test_what_is_no_model_is_called_what_it_is(tmp_path: Path, data: bytes, words: str) -> None:
    path = write(tmp_path / "model.gguf", data)
    with pytest.raises(NotAModelFile, match=words) as caught:
        check_model_file(path)
    assert str(caught.value).startswith(f"{path} is not a GGUF model: ")


@pytest.mark.parametrize("data", [b"", b"GG", b"GGUF\x03"])
def test_the_first_bytes_of_a_model_are_a_truncated_model(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelFileTruncated, match="in the middle of its header"):
        check_model_file(write(tmp_path / "model.gguf", data))


def test_damage_is_told_from_truncation(tmp_path: Path) -> None:
    with pytest.raises(ModelFileDamaged, match="its alignment 7 is not a power of two"):
        check_model_file(write(tmp_path / "model.gguf", make_gguf({"general.alignment": 7})))


def test_all_parts_of_a_split_model_are_checked(tmp_path: Path) -> None:
    first = write(tmp_path / "m-00001-of-00003.gguf", make_gguf(tensors={}))
    second = write(tmp_path / "m-00002-of-00003.gguf", make_gguf())
    with pytest.raises(ModelFileMissing, match=r"m-00003-of-00003.gguf"):
        check_model_file(first)
    third = write(tmp_path / "m-00003-of-00003.gguf", make_gguf()[:-100])
    with pytest.raises(ModelFileTruncated, match=r"m-00003-of-00003.gguf"):
        check_model_file(first)
    write(third, make_gguf())
    check_model_file(first)
    with pytest.raises(NotAModelFile, match=r"it is part 2 of 3; name the first, .*m-00001-of-00003.gguf"):
        check_model_file(second)


def test_every_model_file_error_carries_its_path(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        check_model_file(tmp_path)
    assert caught.value.path == tmp_path
