import pytest

from server.models.split import Part


def test_a_part_knows_its_model_and_the_names_of_all_parts() -> None:
    part = Part.parse("folder/Big-Q4_K_M-00002-of-00003.gguf")
    assert part == Part("folder/Big-Q4_K_M", 2, 3)
    assert part.all_names() == tuple(f"folder/Big-Q4_K_M-0000{number}-of-00003.gguf" for number in (1, 2, 3))


@pytest.mark.parametrize(
    "name", ["model.gguf", "m-1-of-2.gguf", "m-00001-of-00002.bin", "m-00000-of-00002.gguf", "m-00003-of-00002.gguf"]
)
def test_other_names_are_no_parts(name: str) -> None:
    assert Part.parse(name) is None
