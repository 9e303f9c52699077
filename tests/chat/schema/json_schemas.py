"""Random JSON Schemas that can be satisfied, and random ways to sample, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "name", "n_1", "\u00e9t\u00e9", 'q"\\', "with space", ""])
TEXTS = st.text(st.characters(min_codepoint=1, max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=6)
"""Without what no token of the demo model spells: it has none for the byte 0xF1 and some others."""
CONSTANTS = st.one_of(
    st.none(), st.booleans(), st.integers(-1000, 1000), TEXTS, st.lists(st.integers(0, 9), max_size=2)
)
FORMATS = ["date-time", "time", "date", "duration", "ipv4", "ipv6", "uuid"]
PATTERNS = ["^[a-c]{1,5}$", "^x+y?$", "^(ab|cd){2}$", r"^\d{2,4}$", r"^\w{1,4}-\d$", "^[A-Z][a-z]{0,6}$"]


@st.composite
def ranges(draw: st.DrawFn, low: int, high: int, names: tuple[str, str]) -> Schema:
    first, second = sorted(draw(st.tuples(st.integers(low, high), st.integers(low, high))))
    return {names[0]: first, names[1]: second}


STRINGS = st.one_of(
    ranges(0, 12, ("minLength", "maxLength")),
    st.fixed_dictionaries({"pattern": st.sampled_from(PATTERNS)}),
    st.fixed_dictionaries({"format": st.sampled_from(FORMATS)}),
).map(lambda bounds: {"type": "string", **bounds})
NUMBERS = st.one_of(
    st.builds(
        lambda bounds, kind: {"type": kind, **bounds}, ranges(-5000, 5000, ("minimum", "maximum")), st.just("integer")
    ),
    st.builds(
        lambda low: {"type": "integer", "exclusiveMinimum": low, "exclusiveMaximum": low + 50}, st.integers(-99, 99)
    ),
    st.builds(
        lambda factor: {"type": "integer", "multipleOf": factor, "minimum": 0, "maximum": 500}, st.integers(2, 12)
    ),
)
LEAVES = st.one_of(
    STRINGS,
    NUMBERS,
    st.just({"type": "boolean"}),
    st.just({"type": ["null", "boolean"]}),
    CONSTANTS.map(lambda value: {"const": value}),
    st.lists(CONSTANTS, min_size=1, max_size=4).map(lambda values: {"enum": values}),
)


@st.composite
def objects(draw: st.DrawFn, children: st.SearchStrategy[Schema]) -> Schema:
    properties = draw(st.dictionaries(NAMES, children, max_size=3))
    required = [name for name in properties if draw(st.booleans())]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "title": draw(TEXTS),
    }


@st.composite
def arrays(draw: st.DrawFn, children: st.SearchStrategy[Schema]) -> Schema:
    bounds = draw(ranges(0, 3, ("minItems", "maxItems")))
    if draw(st.booleans()):
        return {"type": "array", "items": draw(children), **bounds}
    parts = draw(st.lists(children, min_size=1, max_size=2))
    return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}


def _with_definition(schema: Schema) -> Schema:
    """The same, through a reference, and once more with null beside it."""
    alternatives = {"anyOf": [{"$ref": "#/$defs/it"}, {"type": "null"}]}
    return {"$defs": {"it": schema}, "type": "array", "items": alternatives, "minItems": 1, "maxItems": 2}


NESTED = st.recursive(
    LEAVES,
    lambda children: st.one_of(
        objects(children), arrays(children), st.lists(children, min_size=1, max_size=3).map(lambda of: {"anyOf": of})
    ),
    max_leaves=5,
)
SCHEMAS = st.one_of(objects(NESTED), objects(NESTED), NESTED, NESTED.map(_with_definition))

SAMPLING = st.fixed_dictionaries(
    {"temperature": st.sampled_from([0, 0.3, 1, 1.5, 2]), "seed": st.integers(0, 2**31)},
    optional={
        "top_p": st.sampled_from([0, 0.5, 1]),
        "top_k": st.sampled_from([0, 1, 5]),
        "min_p": st.sampled_from([0, 0.2]),
        "typical_p": st.sampled_from([0.3, 0.9]),
        "repeat_penalty": st.sampled_from([0.5, 1.3]),
        "frequency_penalty": st.sampled_from([-2, 2]),
        "top_n_sigma": st.just(1),
        "xtc_probability": st.just(1),
        "dry_multiplier": st.just(1),
        "mirostat": st.sampled_from([1, 2]),
        "dynatemp_range": st.just(0.5),
        "ignore_eos": st.booleans(),
        "logit_bias": st.dictionaries(st.integers(0, 49151).map(str), st.sampled_from([-100, 100]), max_size=3),
        "stream": st.booleans(),
    },
)
