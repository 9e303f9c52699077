"""Folders with everything that may lie in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.models.folders import FoundFile, ModelFolders
from server.models.found_names import name_models
from server.models.gguf_file import check_model_file
from server.models.gguf_header import GGUFHeader
from tests.models.gguf_maker import make_gguf

PROJECTOR = make_gguf({"general.architecture": "clip"})
ADAPTER = make_gguf({"general.architecture": "llama", "general.type": "adapter"})
EMBEDDING = make_gguf({"general.architecture": "bert", "bert.pooling_type": 2})
RERANKER = make_gguf({"general.architecture": "bert", "bert.pooling_type": 4})
PART = make_gguf({"general.architecture": "llama", "split.count": 2})


def put(folder: Path, **files: bytes) -> None:
    """Files by their names, with two underscores for a slash."""
    for name, data in files.items():
        path = folder / f"{name.replace('__', '/')}.gguf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def scanned(*places: Path) -> dict[str, FoundFile]:
    return {file.path.name.removesuffix(".gguf"): file for file in ModelFolders(places).scan()}


def test_models_are_told_from_what_belongs_to_them_and_from_what_is_damaged(tmp_path: Path) -> None:
    put(tmp_path, model=make_gguf(), deep__deeper__other=make_gguf(), vectors=EMBEDDING, ranks=RERANKER)
    put(tmp_path, mmproj=PROJECTOR, lora=ADAPTER, cut=make_gguf()[:-20], web=b"<html>", empty=b"")
    (tmp_path / "readme.txt").write_text("no model")
    found = scanned(tmp_path)
    kinds = {name: file.kind for name, file in found.items()}
    assert kinds == {
        **dict.fromkeys(["model", "other", "vectors", "ranks"], "model"),
        **dict.fromkeys(["mmproj", "lora"], "accessory"),
        **dict.fromkeys(["cut", "web", "empty"], "damaged"),
    }
    assert {name for name, file in found.items() if file.is_embedding} == {"vectors"}
    assert "multimodal projector" in found["mmproj"].problem
    assert "LoRA adapter" in found["lora"].problem
    assert "it looks like a web page" in found["web"].problem


def test_a_split_model_is_one_and_whole_or_damaged(tmp_path: Path) -> None:
    names = ["m-00001-of-00002", "m-00002-of-00002"]
    put(tmp_path, **dict.fromkeys(names, PART))
    assert [(name, file.kind) for name, file in scanned(tmp_path).items()] == [(names[0], "model")]
    (tmp_path / f"{names[1]}.gguf").unlink()
    assert [(name, file.kind) for name, file in scanned(tmp_path).items()] == [(names[0], "damaged")]
    put(tmp_path, **{names[1]: PART})
    (tmp_path / f"{names[0]}.gguf").unlink()
    (file,) = scanned(tmp_path).values()
    assert (file.kind, "it is part 2 of 2" in file.problem) == ("damaged", True)


def test_what_is_hidden_or_not_there_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, **{".cache__blob": make_gguf(), ".hidden": make_gguf()})
    assert scanned(tmp_path, tmp_path / "nothing") == {}


def test_a_link_to_a_file_counts_and_one_that_leads_nowhere_does_not(tmp_path: Path) -> None:
    put(tmp_path, **{".blobs__a": make_gguf()})
    (tmp_path / "linked.gguf").symlink_to(tmp_path / ".blobs" / "a.gguf")
    (tmp_path / "dangling.gguf").symlink_to(tmp_path / "gone")
    assert set(scanned(tmp_path)) == {"linked"}


def test_only_what_has_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, a=make_gguf(), b=make_gguf()[:-20], **{"m-00001-of-00002": PART})
    read: list[str] = []

    def check(path: Path) -> GGUFHeader:
        read.append(path.name)
        return check_model_file(path)

    monkeypatch.setattr("server.models.folders.check_model_file", check)
    watched = ModelFolders([tmp_path])
    watched.scan()
    assert len(read) == 3
    assert {file.kind for file in watched.scan()} == {"model", "damaged"}
    assert len(read) == 3
    put(tmp_path, b=make_gguf(), **{"m-00002-of-00002": PART})
    assert {file.kind for file in watched.scan()} == {"model"}
    assert read[3:] == ["b.gguf", "m-00001-of-00002.gguf"]
    (tmp_path / "a.gguf").unlink()
    assert len(watched.scan()) == 2


def test_a_thousand_files_are_scanned_in_an_instant_once_they_are_known(tmp_path: Path) -> None:
    for number in range(1000):
        put(tmp_path, **{f"folder{number % 10}__m{number}": make_gguf()})
    watched = ModelFolders([tmp_path])
    assert len(watched.scan()) == 1000
    before = os.times().user + os.times().system
    watched.scan()
    assert os.times().user + os.times().system - before < 0.5


def test_models_are_called_by_their_names_and_by_their_paths_where_those_are_not_enough(tmp_path: Path) -> None:
    put(tmp_path, one__a=make_gguf(), two__a=make_gguf(), b=make_gguf(), taken=make_gguf())
    put(tmp_path, **{"s-00001-of-00002": PART, "s-00002-of-00002": PART, "deep__taken2": make_gguf()})
    other = tmp_path.with_name(f"{tmp_path.name}-other")
    put(other, c=make_gguf(), one__a=make_gguf())
    named = name_models(ModelFolders([tmp_path, other]).scan(), ["taken", "taken2"])
    assert sorted(named) == ["b", "c", "deep/taken2", "one/a", "s", "two/a"]
    assert named["one/a"].folder == tmp_path, "the folder that is named first counts"
