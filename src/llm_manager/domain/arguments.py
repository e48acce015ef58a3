"""Arguments that a program gives, checked at the call that gives them.

A wrong argument is a mistake in the program (see the decision "A mistake in the program raises, and says what to
write"): a ``TypeError`` for a value of another kind, a ``ValueError`` for a number out of its range. What is wrong
inside a request is no exception but a :class:`~llm_manager.domain.problem.Problem`. Every check returns at once for
what is right, so that it can stand in a function that is called for each request. To check one more argument, call
one of these first in the function; to check one more kind, write a function here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Never, SupportsIndex, cast

from returns.context import RequiresContextFutureResult

from llm_manager.domain.request import LLMRequest

MAX_SHOWN: Final = 40
"""The longest text that a message shows of what was given."""

INFINITY: Final = float("inf")


def check_count(value: object, takes: str, write: str, *, least: int = 1, most: float = INFINITY) -> None:
    """Raise unless *value* is a whole number from *least* to *most*.

    >>> check_count(0, "gather takes a limit of 1 or more", "gather(ops, limit=4)")
    Traceback (most recent call last):
        ...
    ValueError: gather takes a limit of 1 or more: write gather(ops, limit=4), not 0
    """
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        refuse(TypeError, takes, write, value)
    if not least <= value.__index__() <= most:
        refuse(ValueError, takes, write, value)


def check_number(value: object, takes: str, write: str, *, is_zero_right: bool = True) -> None:
    """Raise unless *value* is a number, endless perhaps, of 0 or more; of more than 0 unless *is_zero_right*.

    >>> check_number("20", "timeout takes a number of seconds", "timeout(20)")
    Traceback (most recent call last):
        ...
    TypeError: timeout takes a number of seconds: write timeout(20), not '20'
    """
    if type(value) is float and value > 0.0:  # at once, on the path of every request
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(TypeError, takes, write, value)
    is_right = value > 0 or (value == 0 and is_zero_right)
    if not is_right:  # as every question about a NaN is answered
        refuse(ValueError, takes, write, value)


def check_finite(value: object, takes: str, write: str, *, is_zero_right: bool = True) -> None:
    """As :func:`check_number`, and not endless: something waits that long, or is kept that long."""
    check_number(value, takes, write, is_zero_right=is_zero_right)
    if value == INFINITY:
        refuse(ValueError, takes, write, value)


def check_is(value: object, kind: type | tuple[type, ...], takes: str, write: str) -> None:
    """Raise unless *value* is one of *kind*."""
    if not isinstance(value, kind):
        refuse(TypeError, takes, write, value)


def check_function(value: object, takes: str, write: str) -> None:
    """Raise unless *value* is to be called with what it is about: an operation, say, is called by ``run`` alone."""
    if not _is_function(value):
        refuse(TypeError, takes, write, value)


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, RequiresContextFutureResult)


def check_op(value: object, takes: str, write: str) -> None:
    """Raise unless *value* is an operation, such as ``generate(request)`` makes."""
    if not isinstance(value, RequiresContextFutureResult):
        refuse(TypeError, takes, write, value)


def check_ops(values: object, takes: str, write: str) -> None:
    """Raise unless *values* is a sequence of operations."""
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        refuse(TypeError, takes, write, values)
    for value in cast("Sequence[object]", values):
        check_op(value, takes, write)


def check_names(values: object, takes: str, write: str) -> None:
    """Raise unless *values* is a sequence of texts; a text is a sequence of its letters, and is meant by nobody."""
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        refuse(TypeError, takes, write, values)
    for value in cast("Sequence[object]", values):
        check_is(value, str, takes, write)


def check_request(value: object) -> None:
    """Raise unless *value* is a request."""
    if not isinstance(value, LLMRequest):
        said = "LLMRequest(prompt=...), or parse_request(mapping) for data from outside"
        raise TypeError(f"a request is wanted, and this is a {type(value).__name__}: write {said}")


def check_requests(values: object, takes: str, write: str) -> None:
    """Raise for what is no collection of requests, though it may be gone through.

    Those inside are checked as they are asked, for an iterable may be endless.
    """
    if not _is_collection(values):
        refuse(TypeError, takes, write, values)


def _is_collection(values: object) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)


def refuse(kind: type[TypeError | ValueError], takes: str, write: str, value: object) -> Never:
    """Raise *kind*, saying what is wanted, what to write, and what was given in its place."""
    raise kind(f"{takes}: write {write}, not {shown(value)}")


def shown(value: object) -> str:
    """*value* in a message: short values as they are, others by their type, for a text may be a prompt or a key.

    >>> shown("20"), shown(None), shown({"a": 1}), shown([])
    ("'20'", 'None', 'a dict', 'a list')
    """
    if isinstance(value, RequiresContextFutureResult):
        return "an operation"
    is_plain = value is None or isinstance(value, bool | int | float | str)
    try:
        text = repr(value) if is_plain else ""
    except ValueError:  # a number of more digits than Python writes
        text = ""
    return text if text and len(text) <= MAX_SHOWN else f"a {type(value).__name__}"
