"""What the fields of a record hold that their types do not allow: of any record, by its own annotations.

A dataclass takes what it is given, and a program that no checker has read gives ``tools=({...},)``. To check one more
kind of annotation, add it to :func:`_is_one`, to :func:`_inside` if something is in it, and to :func:`_advice`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache, partial
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

from llm_manager.domain.arguments import shown
from llm_manager.domain.problem import Problem

MAX_KNOWN: Final = 512
"""So many ways to fill the fields of a record are remembered: those of programs are few."""

_WORDS: Final[Mapping[object, str]] = {
    str: "give a text",
    int: "give a whole number",
    float: "give a number",
    bool: "give True or False",
    bytes: "give bytes",
}


def misfits(record: object) -> tuple[Problem, ...]:
    """What the fields of *record* and of the records inside hold that is no value of theirs, each with what to write.

    >>> from llm_manager.domain.request import Preferences
    >>> [str(problem) for problem in misfits(Preferences(max_tokens="5", priority="urgent"))]
    ["max_tokens: is '5': give a whole number", "priority: is 'urgent': use one of low, medium, high"]
    """
    return () if _fits(record) else tuple(_wrong_fields(record, ""))


@dataclass(frozen=True, slots=True)
class _Shape:
    """A class of records: how its fields are read, and what they may hold, by their place."""

    names: tuple[str, ...]
    kinds: tuple[Any, ...]
    read: Callable[[object], tuple[object, ...]]
    choices: tuple[tuple[int, frozenset[str]], ...]
    inner: tuple[tuple[int, frozenset[type]], ...]
    known: set[tuple[type, ...]]


_SHAPES: Final[dict[type, _Shape]] = {}


def _shape(kind: type) -> _Shape:
    found = _SHAPES.get(kind)
    if found is None:
        hints = get_type_hints(kind)
        names = tuple(each.name for each in fields(cast("Any", kind)))
        kinds = tuple(hints[name] for name in names)
        read: Any = attrgetter(*names) if len(names) > 1 else partial(_alone, *names)
        choices = tuple((at, allowed) for at, each in enumerate(kinds) if (allowed := _choices(each)))
        inner = tuple((at, inside) for at, each in enumerate(kinds) if (inside := _inner(each)))
        found = _SHAPES[kind] = _Shape(names, kinds, read, choices, inner, set())
    return found


def _alone(name: str, record: object) -> tuple[object, ...]:
    return (getattr(record, name),)


def _fits(record: object) -> bool:
    """Is everything in *record* right, as far as one look says? Its fields hold what such fields were found to hold."""
    shape = _SHAPES.get(type(record)) or _shape(type(record))
    values = shape.read(record)
    if tuple(map(type, values)) not in shape.known and not _learn(shape, values):
        return False
    for at, allowed in shape.choices:
        value = values[at]
        if type(value) is str and value not in allowed:
            return False
    for at, inside in shape.inner:
        value = values[at]
        if value and type(value) is not str and not _fit_inside(value, inside):
            return False
    return True


def _learn(shape: _Shape, values: tuple[object, ...]) -> bool:
    """Remember the types of *values* if each is right at its place, whatever is inside."""
    if not all(map(_is_right, values, shape.kinds)):
        return False
    if len(shape.known) < MAX_KNOWN:
        shape.known.add(tuple(map(type, values)))
    return True


def _is_right(value: object, kind: Any) -> bool:
    return any(_is_one(value, each) for each in _alternatives(kind))


def _fit_inside(value: object, inside: frozenset[type]) -> bool:
    kind = type(value)
    if kind in inside:
        return _fits(value)
    if kind is tuple or kind is list:
        items = cast("Sequence[object]", value)
        return all(type(each) in inside and (type(each) is str or _fits(each)) for each in items)
    if kind is dict:
        pairs = cast("Mapping[object, object]", value)
        return all(type(name) is str and type(each) in inside for name, each in pairs.items())
    return False  # a class of a user's own, perhaps: it is looked at one by one


@lru_cache(maxsize=256)
def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _choices(kind: Any) -> frozenset[str]:
    """The texts that are allowed, where not every text is."""
    found = _alternatives(kind)
    if str in found:
        return frozenset()
    return frozenset(each for one in found if get_origin(one) is Literal for each in get_args(one))


def _inner(kind: Any) -> frozenset[type]:
    """The classes of what is inside, where that has to be looked at: items, values of mappings, a record's fields."""
    found: set[type] = set()
    for one in _alternatives(kind):
        if is_dataclass(one):
            found.add(cast("type", one))
        elif get_origin(one) is tuple:
            found.update(_alternatives(get_args(one)[0]))
        elif get_origin(one) is Mapping and get_args(one)[1] is not Any:
            found.update(_alternatives(get_args(one)[1]))
    return frozenset(found)


def _wrong_fields(record: object, at: str) -> Iterator[Problem]:
    shape = _shape(type(record))
    for name, value, kind in zip(shape.names, shape.read(record), shape.kinds, strict=True):
        yield from _wrong(value, kind, f"{at}{name}")


def _wrong(value: object, kind: Any, at: str) -> Iterator[Problem]:
    one = next((each for each in _alternatives(kind) if _is_one(value, each)), None)
    if one is None and not _is_right(value, kind):
        yield Problem(at, f"is {shown(value)}: {_advice(value, kind)}")
    else:
        yield from _inside(value, one, at)


def _inside(value: object, kind: Any, at: str) -> Iterator[Problem]:
    parts = get_args(kind)
    if is_dataclass(value):
        yield from _wrong_fields(value, f"{at}.")
    elif get_origin(kind) is tuple:
        for index, each in enumerate(cast("Sequence[object]", value)):
            yield from _wrong(each, parts[0], f"{at}.{index}")
    elif get_origin(kind) is Mapping and parts[1] is not Any:
        for name, each in cast("Mapping[object, object]", value).items():
            yield from _wrong(name, parts[0], f"{at}.{name}")
            yield from _wrong(each, parts[1], f"{at}.{name}")


def _is_one(value: object, kind: Any) -> bool:
    """Is *value* of this one *kind*, whatever is inside? A list does for a tuple, and no boolean for a number."""
    origin = get_origin(kind)
    if origin is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if origin is tuple:
        return isinstance(value, tuple | list)
    if kind is int or kind is float:
        return isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
    return kind is Any or isinstance(value, origin or kind)


def _advice(value: object, kind: Any) -> str:
    """What to write in the place of *value*."""
    choices = [str(each) for one in _alternatives(kind) if get_origin(one) is Literal for each in get_args(one)]
    words = [f"use one of {', '.join(choices)}"] if choices else []
    words += [
        _word(value, each) for each in _alternatives(kind) if each is not NoneType and get_origin(each) is not Literal
    ]
    if any(map(is_dataclass, _alternatives(kind))) and isinstance(value, Mapping):
        words.append("parse_request(mapping) for data from outside")
    return ", or ".join(words)


def _word(value: object, kind: Any) -> str:
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        example = repr(value) if _is_right(value, inner) and isinstance(value, str) else _example(inner)
        return f"write ({example},)"
    if get_origin(kind) is Mapping:
        return "give a mapping"
    return _WORDS.get(kind) or f"write {_example(kind)}"


def _example(kind: Any) -> str:
    """How a value of *kind* is written: of a record, with the fields that it needs, or its first."""
    first = _alternatives(kind)[0]
    if not is_dataclass(first):
        return '"..."' if first is str else f"a {getattr(first, '__name__', first)}"
    needed = [each.name for each in fields(first) if each.default is each.default_factory]  # both are MISSING
    given = needed or [each.name for each in fields(first) if each.repr][:1]
    return f"{cast('type', first).__name__}({', '.join(f'{name}=...' for name in given)})"
