"""What tests of the chat layer share: the templates in tests/chat/templates, and renderings to compare ours with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from server.chat.template.syntax import GenerationBlock
from server.chat.template.template import ChatTemplate
from server.protocol.values import TextPiece

FOLDER = Path(__file__).parent / "templates"

NAMES = sorted(path.stem for path in FOLDER.glob("*.jinja"))

WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The <b>weather</b> & more.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "array", "items": {"type": "integer"}},
                "unit": {"enum": ["C", "F"]},
            },
            "required": ["city"],
        },
    },
}
WEATHER_CALL = {
    "id": "call12345",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Zürich"}'},
}


def source_of(name: str) -> str:
    return (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")


def control_tokens_of(name: str) -> list[str]:
    """Those of a model that comes with a template like this: BOS and EOS, which may be empty, then others."""
    tokens = (FOLDER / f"{name}.tokens").read_text(encoding="utf-8").splitlines()
    return [*tokens, *(f"<|reserved_special_token_{number}|>" for number in range(256))]


@cache
def make(name: str) -> ChatTemplate:
    bos, eos, *_ = tokens = control_tokens_of(name)
    return ChatTemplate(source_of(name), bos, eos, tokens)


def inline(source: str, *control_spellings: str) -> ChatTemplate:
    return ChatTemplate(source, "", "", control_spellings)


def text_of(pieces: Iterable[TextPiece]) -> str:
    return "".join(piece.text for piece in pieces)


def as_transformers(source: str, messages: Sequence[Mapping[str, Any]], **variables: Any) -> str:
    """The same template in an environment set up as transformers documents it; raises what jinja2 raises."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", GenerationBlock]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    values = {"tools": None, "documents": None, "add_generation_prompt": True, **variables}
    return environment.from_string(source).render(values, messages=messages)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def recognised(pieces: Iterable[TextPiece], spellings: Sequence[str]) -> list[str]:
    """The control tokens that llama.cpp makes of the pieces: the longest spelling first, each wherever it finds it."""
    longest_first = sorted(filter(None, spellings), key=lambda spelling: -len(spelling.encode()))
    return [token for piece in pieces if piece.parse_special for token in _partition(piece.text, longest_first)]


def _partition(text: str, spellings: Sequence[str]) -> list[str]:
    for index, spelling in enumerate(spellings):
        left, found, right = text.partition(spelling)
        if found:
            return [*_partition(left, spellings[index + 1 :]), spelling, *_partition(right, spellings[index:])]
    return []
