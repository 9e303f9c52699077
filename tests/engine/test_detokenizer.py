"""Text comes out whole: never half a character, never a part of a stop string."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from server.engine.detokenizer import Detokenizer


def run(pieces: list[bytes], stop: list[str]) -> tuple[list[str], int, bool]:
    """The texts as released, how many tokens were released, and whether a stop string ended it."""
    detokenizer = Detokenizer(stop)
    texts, num_tokens = [], 0
    for piece in pieces:
        released = detokenizer.push(piece)
        texts.append(released.text)
        num_tokens += released.num_tokens
        if released.is_stopped:
            return texts, num_tokens, True
    released = detokenizer.flush()
    return [*texts, released.text], num_tokens + released.num_tokens, released.is_stopped


def test_a_character_is_released_only_when_its_last_byte_has_come() -> None:
    assert run([b"a\xe2", b"\x82", b"\xacb"], [])[0] == ["a", "", "€b", ""]


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert "".join(run([b"a\xff", b"b"], [])[0]) == "a\ufffdb"


def test_an_incomplete_character_at_the_end_is_left_out_but_its_tokens_count() -> None:
    for stop in ([], ["x"]):
        texts, num_tokens, is_stopped = run([b"a", b"\xe2", b"\x82"], stop)
        assert ("".join(texts), num_tokens, is_stopped) == ("a", 3, False)


def test_what_may_begin_a_stop_string_is_held_back_until_it_is_decided() -> None:
    assert run([b"x", b"<", b"e", b"x"], ["<end>"])[0] == ["x", "", "", "<ex", ""]


def test_a_stop_string_across_tokens_is_never_shown() -> None:
    texts, num_tokens, is_stopped = run([b"one <e", b"nd> two"], ["<end>"])
    assert ("".join(texts), num_tokens, is_stopped) == ("one ", 1, True)


def test_the_earliest_of_several_stop_strings_counts() -> None:
    assert "".join(run([b"abcdef"], ["ef", "cd"])[0]) == "ab"


def test_a_stop_string_that_was_only_begun_is_released_at_the_end() -> None:
    assert run([b"ab<en"], ["<end>"])[0] == ["ab", "<en"]


def test_tokens_that_start_within_a_stop_string_are_not_counted_as_released() -> None:
    assert run([b"a", b"S", b"T", b"OP"], ["STOP"])[1] == 1


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=4), max_size=3), st.randoms())
def test_any_cutting_gives_the_text_before_the_first_stop_string(text: str, stop: list[str], random: Random) -> None:
    data = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
    text = data.decode()
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(8)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    texts, num_tokens, is_stopped = run(pieces, stop)
    starts = [at for s in stop if (at := text.find(s)) >= 0]
    assert "".join(texts) == (text[: min(starts)] if starts else text)
    assert is_stopped == bool(starts)
    if not starts:
        assert num_tokens == len(pieces)
