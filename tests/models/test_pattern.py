import pytest

from server.models.errors import AmbiguousPattern, NoMatchingFile, PartsMissing
from server.models.pattern import choose_files
from server.models.source import HubFile

NAMES = (
    "README.md",
    "config.json",
    "Tiny-Q4_K_M.gguf",
    "Tiny-Q4_K_S.gguf",
    "Tiny-F16.gguf",
    "Tiny-BF16.gguf",
    "mmproj-F16.gguf",
    "UD/Tiny-UD-Q2_K_XL.gguf",
    "Q8_0/Tiny-Q8_0-00001-of-00002.gguf",
    "Q8_0/Tiny-Q8_0-00002-of-00002.gguf",
)
PARTS = ("Q8_0/Tiny-Q8_0-00001-of-00002.gguf", "Q8_0/Tiny-Q8_0-00002-of-00002.gguf")


def choose(pattern: str, names: tuple[str, ...] = NAMES) -> tuple[str, ...]:
    return choose_files(HubFile("org/tiny", pattern), names)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("Tiny-Q4_K_M.gguf", ("Tiny-Q4_K_M.gguf",)),
        ("tiny-q4_k_m.gguf", ("Tiny-Q4_K_M.gguf",)),
        ("*Q4_K_M*.gguf", ("Tiny-Q4_K_M.gguf",)),
        ("*q4_k_s*", ("Tiny-Q4_K_S.gguf",)),
        ("Tiny-UD-Q2_K_XL.gguf", ("UD/Tiny-UD-Q2_K_XL.gguf",)),
        ("UD/*", ("UD/Tiny-UD-Q2_K_XL.gguf",)),
        ("Q4_K_M", ("Tiny-Q4_K_M.gguf",)),
        ("bf16", ("Tiny-BF16.gguf",)),
        ("*Q8_0*.gguf", PARTS),
        ("Q8_0", PARTS),
        ("Q8_0/Tiny-Q8_0-00001-of-00002.gguf", PARTS),
        ("Tiny-Q8_0-00002-of-00002.gguf", PARTS),
    ],
)
def test_a_pattern_means_one_model_with_all_its_parts(pattern: str, names: tuple[str, ...]) -> None:
    assert choose(pattern) == names


def test_an_exact_name_wins_over_what_it_would_match_as_a_glob() -> None:
    assert choose("a[1].gguf", ("a[1].gguf", "a1.gguf")) == ("a[1].gguf",)


@pytest.mark.parametrize("pattern", ["*Q5*", "Q4_K", "README.md", "*.json", "iny-F16.gguf"])
def test_without_a_match_the_models_of_the_repository_are_named(pattern: str) -> None:
    with pytest.raises(NoMatchingFile) as caught:
        choose(pattern)
    assert str(caught.value) == (
        f"nothing in org/tiny matches {pattern!r}: its models are Q8_0/Tiny-Q8_0-00001-of-00002.gguf, Tiny-BF16.gguf, "
        "Tiny-F16.gguf, Tiny-Q4_K_M.gguf, Tiny-Q4_K_S.gguf, UD/Tiny-UD-Q2_K_XL.gguf, mmproj-F16.gguf"
    )


def test_a_repository_without_models_says_so() -> None:
    with pytest.raises(NoMatchingFile, match=r"it has no .gguf file at all"):
        choose("*", ("README.md", "model.safetensors"))


def test_a_long_list_of_models_is_cut() -> None:
    with pytest.raises(NoMatchingFile, match=r"m00.gguf, .*, m19.gguf and 5 more$"):
        choose("x.gguf", tuple(f"m{number:02}.gguf" for number in range(25)))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("*Q4_K*", ("Tiny-Q4_K_M.gguf", "Tiny-Q4_K_S.gguf")), ("F16", ("Tiny-F16.gguf", "mmproj-F16.gguf"))],
)
def test_several_models_that_match_are_named(pattern: str, names: tuple[str, ...]) -> None:
    with pytest.raises(AmbiguousPattern, match=f"matches 2 models of org/tiny, name one of them: {', '.join(names)}"):
        choose(pattern)


def test_a_split_model_that_is_not_complete_is_refused() -> None:
    with pytest.raises(PartsMissing, match=r"missing: m-00001-of-00003.gguf, m-00003-of-00003.gguf"):
        choose("*", ("m-00002-of-00003.gguf",))
