"""What tables of settings are made of: fields with their documentation, and the rules that hold for all of them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


def setting(default: Any, doc: str, *, default_text: str | None = None, **more: Any) -> Any:
    """A field with its documentation; `default_text` is a default that is computed later, in words."""
    extra: dict[str, Any] = {"default": default_text} if default_text else {}
    return Field(default, description=doc, json_schema_extra=extra, **more)


class Table(BaseModel):
    """A TOML table with fixed keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_stray_bool(cls, value: object, info: ValidationInfo) -> object:
        """TOML's `true` is no number, although Python would count it as 1."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation not in (bool, bool | None):
            raise PydanticCustomError("stray_bool", "must not be true or false")
        return value
