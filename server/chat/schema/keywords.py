"""Words of JSON Schema, by what their values are. It does not know which of them can be kept to."""

from __future__ import annotations

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

MEMBERS = ("properties", "patternProperties")
"""Keywords with schemas of an object's members, by name or by pattern."""

MAPS = (*MEMBERS, "$defs", "definitions")
"""Keywords with schemas by name."""

UNIONS = ("anyOf", "oneOf", "allOf")
"""Keywords with schemas of the value itself."""

LISTS = (*UNIONS, "prefixItems")
"""Keywords with an array of schemas."""

SINGLES = ("items", "additionalProperties")
"""Keywords with one schema."""

DRAFTS = ("http://json-schema.org/", "https://json-schema.org/")
"""What the names of JSON Schema's drafts begin with."""
