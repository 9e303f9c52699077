"""What a grammar is made of: a schema as far as it is enforced, and nothing else of it.

It does not know tools, requests or grammars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.chat.schema.kept import supported
from server.chat.schema.loose import loosened


def enforced_arguments(schema: Mapping[str, Any], *, is_strict: bool) -> dict[str, Any]:
    """The schema of a function's arguments: word by word if it is strict, else as far as it can be kept to.

    Raises:
        UnsupportedSchema: if a strict one cannot be kept to.
    """
    return supported(schema) if is_strict else loosened(schema)
