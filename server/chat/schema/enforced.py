"""What a grammar is made of: a schema as far as it is enforced, and nothing else of it.

It does not know tools, requests or grammars.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from server.chat.schema.annotations import without_annotations
from server.chat.schema.closed import closed
from server.chat.schema.kept import UnsupportedSchema, supported
from server.chat.schema.loose import loosened

NO_ARGUMENTS = {"properties": {}, "additionalProperties": False}

NUM_KEPT = 2048
"""Most functions whose arguments are kept; clients send the same ones with every request."""
MAX_LENGTH = 1 << 20
"""Characters of a schema, as JSON with its descriptions. A grammar may have a quarter of it."""
MAX_KEPT_LENGTH = 1 << 14
"""Characters of a schema that is kept, as JSON."""


def enforced(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema word by word, with its objects closed.

    Raises:
        UnsupportedSchema: if it cannot be kept to.
    """
    if len(json.dumps(schema)) > MAX_LENGTH:
        raise UnsupportedSchema((), f"it is longer than {MAX_LENGTH} characters")
    return supported(closed(without_annotations(schema), is_one_of_exact=True))


def enforced_arguments(schema: Mapping[str, Any], *, is_strict: bool) -> dict[str, Any]:
    """The schema of a function's arguments: word by word if it is strict, else as far as it can be kept to.

    It is the same object for the same schema, and not to be changed.

    A function that lists no arguments has none. Of other objects that list nothing, nothing is known; nor of a schema
    that is longer than `MAX_LENGTH`, unless it is strict.

    Raises:
        UnsupportedSchema: if a strict one cannot be kept to.
    """
    written = json.dumps(schema)
    if len(written) > MAX_LENGTH and not is_strict:
        return {"type": "object"}
    work = _arguments if len(written) <= MAX_KEPT_LENGTH else _arguments.__wrapped__
    return work(written, is_strict)


@lru_cache(NUM_KEPT)
def _arguments(written: str, is_strict: bool) -> dict[str, Any]:
    bare = without_annotations(json.loads(written))
    if {**bare, "type": "object"} == {"type": "object", "properties": {}}:
        return {"type": "object", **NO_ARGUMENTS}
    return enforced(bare) if is_strict else loosened(closed(bare, is_one_of_exact=False))
