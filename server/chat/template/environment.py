"""The jinja2 sandbox in which chat templates run: what transformers gives them, bounded, and knowing who wrote what.

The language is transformers': trimmed blocks, loop controls, `{% generation %}`, `raise_exception`, `strftime_now`, a
`tojson` without HTML escapes, undefined values that are empty. What the template itself writes comes out marked (see
`special_tokens`), and reads like any other text inside. This module does not know messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, wraps
from types import CodeType, MethodDescriptorType
from typing import Any, NoReturn

from jinja2 import pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter, modifies_known_mutable

from server.chat.template import bounds, filters
from server.chat.template.errors import MessagesRefused
from server.chat.template.given import is_own
from server.chat.template.special_tokens import ControlSpellings
from server.chat.template.syntax import COMPARED, CONCATENATED, COUNTED, OWN_TEXT, SEARCHED, GenerationBlock, TextMarker
from server.chat.template.text import TemplateText, plain

FILENAME = "<chat template>"
"""What tracebacks call the template's source."""
BUDGET = "the budget"
"""The variable that carries a rendering's `Budget`, under a name that no template can write."""


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Compiles and runs the templates of one model."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self, spellings: ControlSpellings) -> None:
        extensions = ["jinja2.ext.loopcontrols", GenerationBlock]
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=extensions, finalize=bounds.check_depths)
        self._spellings = spellings
        self.own_text: Callable[[str], str] = cache(lambda text: self._written(spellings.mark(text)))
        """Makes a text that reads as it is and counts as the template's. For constants, as it remembers them all."""
        self.globals |= {"raise_exception": self._raise_exception, "strftime_now": filters.strftime_now}
        self.filters |= {"tojson": filters.tojson, "from_json": filters.from_json}
        self.filters |= {"length": filters.length, "count": filters.length}
        self.filters = {name: filters.bounded(name, function) for name, function in self.filters.items()}
        self.filters["join"] = self._written_by(self.filters["join"])
        self.filters |= {OWN_TEXT: self.own_text, CONCATENATED: self._concatenated, COUNTED: _counted}
        self.filters |= {COMPARED: filters.compared, SEARCHED: filters.searched}
        comparisons: dict[str, Any] = {name: self.tests[name] for name in filters.COMPARISONS}
        self.tests |= {name: filters.compared_by(test) for name, test in comparisons.items()}

    def compile_marked(self, source: str) -> CodeType:
        """Raises jinja2.TemplateSyntaxError."""
        tree = TextMarker(self._spellings.mark).visit(self.parse(source, filename=FILENAME))
        return self.compile(tree.set_environment(self), filename=FILENAME)

    def _written(self, marked: str) -> str:
        text = self._spellings.unmark(marked)
        return marked if text == marked else TemplateText(text, marked)

    def _written_by(self, function: Callable[..., str]) -> Callable[..., str]:
        @wraps(function)
        def wrapped(*arguments: Any, **keywords: Any) -> str:
            return self._written(function(*arguments, **keywords))

        return wrapped

    def concat(self, parts: Iterable[str]) -> str:
        """What jinja2 makes of the parts that were written: the result of a macro, a block, the whole rendering."""
        written: list[str] = []
        length = 0
        for part in parts:
            length += len(part)
            bounds.check_length(length)
            bounds.spend_on(part)
            written.append(str(part))  # the results of filter and call blocks come as they are
        return self._written("".join(written))

    def _concatenated(self, values: Iterable[Any]) -> str:
        return self.concat(str(bounds.check_depths(value)) for value in values)

    def _raise_exception(self, message: object) -> NoReturn:
        raise MessagesRefused(self._spellings.unmark(str(bounds.check_depths(message))))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(value, MethodDescriptorType):
            return False  # a type's method, such as `dict.update`, would change whatever it is called with
        if is_own(obj) and modifies_known_mutable(obj, attr):
            return attr != "sort"  # it calls the function that it is given out of sight
        return super().is_safe_attribute(obj, attr, value)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        kind = type(obj).__mro__[-2].__name__  # Python's name for the types of this package as well
        message = f"access to attribute {attribute!r} of {kind!r} object is unsafe."
        return self.undefined(message, name=attribute, obj=obj, exc=SecurityError)

    def getitem(self, obj: Any, argument: Any) -> Any:
        # jinja2 takes a name that is no key for an attribute, through str().
        return super().getitem(obj, plain(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator != "+":
            bounds.check_operands(operator, left, right)
        result = bounds.check_size(self.binop_table[operator](left, right))
        bounds.spend_on(result)
        return result

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        # The names are jinja2's: they must not be taken for keywords of the call.
        __context.parent[BUDGET].spend()
        receiver = getattr(__obj, "__self__", None)
        if is_own(receiver):
            # What reads a list while the list grows would never end.
            args = tuple(map(filters.listed, args))
        bounds.check_call(getattr(__obj, "__name__", ""), receiver, (*args, *kwargs.values()))
        result = bounds.check_size(super().call(__context, __obj, *args, **kwargs))
        bounds.check_size(receiver)
        bounds.spend_on(receiver, result)
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        if super().wrap_str_format(value) is None:
            return None
        receiver, is_map = value.__self__, value.__name__ == "format_map"

        def formatted(*args: Any, **kwargs: Any) -> str:
            bounds.check_depths([*args, *kwargs.values()])
            positional, named = ((), args[0]) if is_map else (args, kwargs)
            return self._written(self._formatter(receiver).vformat(plain(receiver), positional, named))

        return formatted

    def _formatter(self, format_string: str) -> SandboxedFormatter:
        """One that keeps a format the template's own, where all of it is."""
        own = isinstance(format_string, TemplateText) and self._spellings.mark(plain(format_string))
        return _BoundedFormatter(self, self._spellings, keeps_marks=own == str(format_string))


class _BoundedFormatter(SandboxedFormatter):
    """`str.format` in the sandbox, within bounds."""

    def __init__(self, environment: TemplateEnvironment, spellings: ControlSpellings, *, keeps_marks: bool) -> None:
        super().__init__(environment)
        self._written = spellings.mark if keeps_marks else str
        self._read = spellings.unmark

    def parse(self, format_string: Any) -> Iterator[Any]:
        # Called for format specifications, too.
        for text, *field in super().parse(format_string):
            yield self._written(text), *field

    def format_field(self, value: Any, format_spec: str) -> Any:
        specification = self._read(format_spec)
        bounds.check_format_spec(specification)
        return super().format_field(value, specification)


@pass_context
def _counted(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    budget: bounds.Budget = context.parent[BUDGET]
    return budget.counted(items)
