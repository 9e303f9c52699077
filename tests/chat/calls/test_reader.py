from __future__ import annotations

from server.answers.parts import ContentText, OutputPart
from server.chat.calls.reader import Reader, SteppedParser, Steps


def content(parts: list[OutputPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, ContentText))


def words(reader: Reader) -> Steps[None]:
    """Each text in front of a marker, in brackets."""
    while (yield from reader.peek()):
        while text := (yield from reader.text_before("<end>", "<en", holds_space=True)):
            reader.commit()
            yield ContentText(f"[{text}]")
        space = yield from reader.space()
        marker = yield from reader.take_if("<end>", "<en")
        yield ContentText(f"({space}{marker})")


def test_the_beginning_of_a_marker_and_the_space_before_it_are_held_back() -> None:
    parser = SteppedParser(words)
    assert content(parser.feed("ab  ")) == "[ab]"
    assert parser.feed("<e") == []
    assert content(parser.feed("x")) == "[  <ex]"
    assert parser.feed("\n <en") == []
    assert content(parser.feed("d>z")) == "(\n <end>)[z]"
    assert parser.feed(" <en") == []
    assert content(parser.finish()) == "( <en)"


def test_a_marker_that_never_ends_is_text() -> None:
    parser = SteppedParser(words)
    assert parser.feed("<") == []
    assert content(parser.finish()) == "[<]()"


def test_parts_of_one_kind_are_joined() -> None:
    assert SteppedParser(words).feed("a<end>b<end>") == [ContentText("[a](<end>)[b](<end>)")]


def test_long_texts_take_time_that_grows_with_their_length_only() -> None:
    """Pieces as a model writes them: minutes if everything were looked at again."""
    parser = SteppedParser(words)
    assert sum(len(content(parser.feed("abc "))) for _ in range(30_000)) > 120_000
