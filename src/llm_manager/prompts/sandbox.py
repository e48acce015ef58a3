"""Jinja2's immutable sandbox, made narrower: it sees data, has our filters, and puts nothing on a template's table.

Autoescaping is off, because a prompt is no HTML: ``&lt;`` would be shown to the model as it stands. What keeps data
apart from instructions in a prompt is the filter ``fenced``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from llm_manager.prompts.filters import FILTERS, Filter, said
from llm_manager.prompts.values import Data, kind_of
from llm_manager.prompts.work import Purse, RenderingFailed, weight, within_length

if TYPE_CHECKING:
    from jinja2.runtime import Context, Undefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

TESTS: Final = ("boolean", "defined", "divisibleby", "even", "mapping", "none", "number", "odd", "string", "undefined")
"""The questions a template may ask with ``is``; each looks at one value for a moment."""

LOOP_FIELDS: Final = ("index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem")
"""What a template may read of ``loop``."""

PURSE: Final = "the purse"
"""Under this name the purse travels with the variables; no name in a template has a space."""

EACH: Final = "each of"
"""The filter that :mod:`.engine` puts around what is looped over."""

WEIGHED: Final = "weighed"
"""The filter that it puts around what is compared."""

SLICED: Final = "what is sliced"
"""The filter that it puts around what is cut into slices."""


@lru_cache(maxsize=1)
def environment() -> ImmutableSandboxedEnvironment:
    """The one environment of all templates; nothing in it changes."""
    from jinja2 import StrictUndefined  # noqa: PLC0415  # an extra: only who renders something needs it

    made = _data_environment()(
        undefined=StrictUndefined,
        autoescape=False,  # a prompt is no HTML, see above
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
        finalize=_printed,
    )
    tests = {name: made.tests[name] for name in TESTS}
    for table in (made.globals, made.filters, made.tests):
        table.clear()
    made.tests.update(tests)
    made.filters.update({name: _paid(filter_) for name, filter_ in FILTERS.items()})
    made.filters.update({"default": _default(), EACH: _each(), WEIGHED: _paid(_same), SLICED: _paid(_cut)})
    return made


def _data_environment() -> type[ImmutableSandboxedEnvironment]:
    from jinja2.runtime import LoopContext  # noqa: PLC0415  # as above
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415  # as above

    class DataEnvironment(ImmutableSandboxedEnvironment):
        """``a.b`` and ``a["b"]`` are what the mapping *a* has under the name b, and never an attribute of an object."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, LoopContext) and attribute in LOOP_FIELDS:
                return getattr(obj, attribute)
            return self.getitem(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            try:
                if isinstance(_there(obj), dict | list | str):
                    return obj[argument]
            except (LookupError, TypeError, ValueError):  # a slice with a step of 0 is a ValueError
                pass
            return self.undefined(hint=f"reads {argument!r} of {kind_of(obj)}, which has none")

        def is_safe_callable(self, obj: Any) -> bool:
            return False

    return DataEnvironment


def _paid(filter_: Filter) -> Callable[..., object]:
    """*filter_*, which pays for what it is given before it begins and for what it makes."""
    from jinja2 import pass_context  # noqa: PLC0415  # as above

    @pass_context
    def paying(context: Context, value: Data | Undefined, *arguments: Any, **named: Any) -> object:
        purse = _purse(context)
        purse.pay(weight(_there(value)))
        for argument in (*arguments, *named.values()):
            purse.pay(weight(_there(argument)))
        made = filter_(value, *arguments, **named)
        if isinstance(made, str):
            within_length(len(made))
        purse.pay(weight(made))
        return made

    return paying


def _each() -> Callable[..., object]:
    from jinja2 import pass_context  # noqa: PLC0415  # as above

    @pass_context
    def each(context: Context, value: Data | Undefined, cost: int) -> object:
        """The items of *value*, when there is work left for the *cost* of each."""
        found = _there(value)
        if not isinstance(found, list | dict | tuple):
            raise RenderingFailed(f"loops over {kind_of(found)}: give a list or a mapping")
        _purse(context).pay(len(found) * cost)
        return list(found)

    return each


def _default() -> Callable[..., object]:
    from jinja2 import Undefined, pass_context  # noqa: PLC0415  # as above

    @pass_context
    def default(context: Context, value: Data | Undefined, otherwise: Data) -> object:
        """*value*, or *otherwise* when it is not there or null."""
        return otherwise if isinstance(value, Undefined) or value is None else value

    return default


def _same(value: Data) -> Data:
    return value


def _cut(value: Data) -> Data:
    if isinstance(value, str | list):
        return value
    raise RenderingFailed(f"takes a slice of {kind_of(value)}: give a list or text")


def _printed(value: object) -> str:
    return said(_there(cast("Data", value)))


def _there(value: Data | Undefined) -> Data:
    """*value*; raises what jinja2 raises for one that is not there."""
    from jinja2 import Undefined  # noqa: PLC0415  # as above

    if isinstance(value, Undefined):
        str(value)
    return cast("Data", value)


def _purse(context: Context) -> Purse:
    return cast("Purse", context[PURSE])
