"""Marshmallow fields that take JSON's types at their word: no conversion, and errors that show the bad value.

They know nothing of the parameters that they are used for. Null never reaches them: `RequestSchema` drops it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load
from marshmallow.exceptions import SCHEMA

from schemas.fields.errors import Problem, shortened
from schemas.fields.json_schema import Definitions, JSONSchema

T = TypeVar("T")

MAX_SHOWN_BITS = 64
"""Bits of the longest integer that a message writes out: for longer ones Python takes quadratic time, or refuses."""


class RequestSchema(Schema):
    """An object of a request: extra fields are ignored, and null means "not given"."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def _drop_nulls(self, data: Any, **kwargs: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None}


class StrictField(fields.Field[T], ABC):
    """A field whose errors are `Problem`s."""

    @abstractmethod
    def json_schema(self, definitions: Definitions) -> JSONSchema:
        """Values that are taken, null aside; schemas of objects go into `definitions`."""

    def make_error(self, key: str, **kwargs: Any) -> ValidationError:
        """The only error that marshmallow's base class raises here: a required field is missing."""
        return problem("is required, but was not given", "missing_required_parameter")

    def load(self, value: Any) -> T:
        """The value of a part of another field, where a null is no more welcome than another wrong type."""
        return self._deserialize(value, None, None)


class Boolean(StrictField[bool]):
    """true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise wrong_type("true or false", value)
        return value

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {"type": "boolean"}


class Integer(StrictField[int]):
    """A whole number from `minimum` to `maximum`, written as one: 5.0 is refused."""

    def __init__(self, minimum: int, maximum: int, *, required: bool = False) -> None:
        super().__init__(required=required)
        self.minimum = minimum
        self.maximum = maximum

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise wrong_type("an integer", value)
        if not self.minimum <= value <= self.maximum:
            raise invalid(f"must be between {self.minimum} and {self.maximum}, got {shown(value)}")
        return value

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class Number(StrictField[float]):
    """A finite number from `minimum` to `maximum`; the minimum itself may be excluded."""

    def __init__(self, minimum: float, maximum: float, *, is_minimum_excluded: bool = False) -> None:
        super().__init__()
        self.minimum = minimum
        self.maximum = maximum
        self.is_minimum_excluded = is_minimum_excluded

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if type(value) is not float and type(value) is not int:
            raise wrong_type("a number", value)
        # Written so that NaN, which compares false, is refused.
        if not self.minimum <= value <= self.maximum or (self.is_minimum_excluded and value == self.minimum):
            raise invalid(f"must be {self._range}, got {shown(value)}")
        return float(value)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        minimum = "exclusiveMinimum" if self.is_minimum_excluded else "minimum"
        return {"type": "number", minimum: self.minimum, "maximum": self.maximum}

    @property
    def _range(self) -> str:
        if self.is_minimum_excluded:
            return f"greater than {self.minimum:g} and at most {self.maximum:g}"
        return f"between {self.minimum:g} and {self.maximum:g}"


class Text(StrictField[str]):
    """A string of at most `max_length` characters; without it, only the body's limit counts."""

    def __init__(self, max_length: int | None = None, *, may_be_empty: bool = True, required: bool = False) -> None:
        super().__init__(required=required)
        self.max_length = max_length
        self.may_be_empty = may_be_empty

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise wrong_type("a string", value)
        if self.max_length is not None and len(value) > self.max_length:
            raise invalid(f"must have at most {self.max_length} characters, got {len(value)}")
        if not value and not self.may_be_empty:
            raise invalid("must not be an empty string")
        return value

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        shortest = {} if self.may_be_empty else {"minLength": 1}
        longest = {} if self.max_length is None else {"maxLength": self.max_length}
        return {"type": "string", **shortest, **longest}


class Choice(StrictField[str]):
    """One of the given strings."""

    def __init__(self, choices: Collection[str], *, required: bool = False) -> None:
        super().__init__(required=required)
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise wrong_type("a string", value)
        if value not in self.choices:
            raise invalid(f"must be one of {', '.join(self.choices)}, got {shown(value)}")
        return value

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {"type": "string", "enum": list(self.choices)}


class JSONObject(StrictField[dict[str, Any]]):
    """An object whose content is somebody else's business."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        return as_object(value)

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return {"type": "object"}


class Object(StrictField[Any]):
    """An object that another schema loads."""

    def __init__(self, schema: Schema, *, required: bool = False) -> None:
        super().__init__(required=required)
        self.schema = schema

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return self.schema.load(as_object(value))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return definitions.refer(self.schema)


class Array(StrictField[list[Any]]):
    """An array of which another field loads the items; the first bad item ends it."""

    def __init__(
        self, item: StrictField[Any], *, min_items: int = 0, max_items: int | None = None, required: bool = False
    ) -> None:
        super().__init__(required=required)
        self.item = item
        self.min_items = min_items
        self.max_items = max_items

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise wrong_type("an array", value)
        check_length(value, self.min_items, self.max_items)
        loaded = []
        for index, item in enumerate(value):
            with at(index):
                loaded.append(self.item.load(item))
        return loaded

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        shortest = {"minItems": self.min_items} if self.min_items else {}
        longest = {} if self.max_items is None else {"maxItems": self.max_items}
        return {"type": "array", "items": self.item.json_schema(definitions), **shortest, **longest}


# --- errors ---------------------------------------------------------------------------------------------------------


def problem(message: str, code: str, field_name: str = SCHEMA) -> ValidationError:
    """An error that `schemas.fields.errors` can read; a check of a whole schema names the field that is to blame."""
    return ValidationError([Problem(message, code)], field_name)


def invalid(message: str, field_name: str = SCHEMA) -> ValidationError:
    """An error of a value whose type is right."""
    return problem(message, "invalid_value", field_name)


def wrong_type(expected: str, value: object) -> ValidationError:
    """An error of a value that is of another JSON type than `expected`."""
    return problem(f"must be {expected}, got {shown(value)}", "invalid_type")


@contextmanager
def at(key: str | int) -> Iterator[None]:
    """Say of what goes wrong inside that it went wrong at `key`."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError({key: error.messages}) from None


@contextmanager
def at_path(*path: str | int) -> Iterator[None]:
    """Say of what goes wrong inside that it went wrong at the end of a path."""
    with ExitStack() as places:
        for key in path:
            places.enter_context(at(key))
        yield


def as_object(value: Any) -> dict[str, Any]:
    """`value`, which must be a JSON object."""
    if not isinstance(value, dict):
        raise wrong_type("an object", value)
    return value


def check_length(items: list[Any] | Mapping[str, Any], min_items: int, max_items: int | None) -> None:
    """Refuse a collection that is too short or too long."""
    if len(items) < min_items:
        raise invalid(f"must have at least {min_items} items, got {len(items)}" if items else "must not be empty")
    if max_items is not None and len(items) > max_items:
        raise invalid(f"must have at most {max_items} items, got {len(items)}")


def shown(value: object) -> str:
    """A bad value as an error message repeats it, in JSON's words and never long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > MAX_SHOWN_BITS:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return f"'{shortened(value)}'"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    return str(value)
