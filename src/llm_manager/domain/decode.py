"""Untrusted data to a frozen record: every problem at once, and as much of the record as is right.

The rule of this room: pydantic is met here and nowhere else in the domain, and only when something is decoded.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from llm_manager.domain.problem import Problem
from llm_manager.domain.secret import Secret

if TYPE_CHECKING:
    from pydantic import TypeAdapter

A = TypeVar("A")

FOUND_LENGTH = 60
"""How much of a wrong value a problem shows."""

_ROUNDS = 20
"""How often what is wrong is left out and the rest tried again: mending one part can uncover problems behind it."""


@lru_cache(maxsize=256)
def adapter(kind: Any) -> TypeAdapter[Any]:
    """The validator of *kind*, made once."""
    from pydantic import TypeAdapter  # noqa: PLC0415  # heavy, and only who decodes something needs it

    return TypeAdapter(kind)


class Decoded(Generic[A]):
    """What became of some data: *value* without the parts that are wrong, None if nothing is left, and the problems."""

    __slots__ = ("problems", "value")

    def __init__(self, value: A | None, problems: Sequence[Problem]) -> None:
        self.value = value
        self.problems = problems


def decoded(kind: type[A], tree: object, *, is_secret: Callable[[str], bool] = lambda _: False) -> Decoded[A]:
    """*tree*, JSON-like data, as a *kind*, strictly: text is no number, and a name that is no field is a problem.

    The values at paths for which *is_secret* holds are not shown.
    """
    problems = list(_unknown(tree, kind, ()))
    try:
        text = json.dumps(tree, default=_plain)
    except (RecursionError, ValueError) as bad:
        return Decoded(None, [*problems, Problem("", f"is not data that can be read: {bad}")])
    except TypeError as bad:
        return Decoded(None, [*problems, Problem("", f"has a name that is no text: {bad}")])
    value, wrong = _validated(kind, text, is_secret)
    return Decoded(value, [*problems, *wrong])


def _validated(kind: type[A], text: str, is_secret: Callable[[str], bool]) -> tuple[A | None, list[Problem]]:
    from pydantic import ValidationError  # noqa: PLC0415  # as above

    problems: list[Problem] = []
    for _ in range(_ROUNDS):
        try:
            return cast("A", adapter(cast("Any", kind)).validate_json(text, strict=True)), problems
        except ValidationError as bad:
            found = bad.errors(include_url=False, include_context=False)
            errors = [each for each in found if each["type"] != "callable_type"]  # no data is a function
            left_out = {problem.path for problem in problems}
            problems.extend(
                problem
                for error in errors
                if (problem := _problem(error["loc"], error["msg"], error["input"], is_secret)).path not in left_out
            )
            tree = json.loads(text)
            done = [_leave_out(tree, _spoiled(error["loc"], error["type"])) for error in errors]
            if not all(done):
                return None, problems
            text = json.dumps(tree)
    return None, problems


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    return list(cast("Sequence[object]", value)) if isinstance(value, tuple | set | frozenset) else str(value)


def _problem(where: tuple[int | str, ...], said: str, found: object, is_secret: Callable[[str], bool]) -> Problem:
    path = ".".join(str(step) for step in where if not _is_union_step(step))
    hidden = is_secret(path) or said == "Field required"
    shown = "" if hidden else f", not {json.dumps(found, default=repr)[:FOUND_LENGTH]}"
    return Problem(path, f"{said[:1].lower()}{said[1:]}{shown}")


def _spoiled(where: tuple[int | str, ...], kind: str) -> tuple[int | str, ...]:
    """What an error spoils: the value itself, or the record around a field that is missing."""
    return where[:-1] if kind == "missing" else where


def _is_union_step(step: int | str) -> bool:
    """Is *step* what pydantic puts into a path to say which member of a union it tried, such as ``tuple[...]``?"""
    return isinstance(step, str) and (step in _UNION_STEPS or "[" in step or step[:1].isupper())


_UNION_STEPS = frozenset({"constrained-int", "constrained-float", "int", "float", "str", "function-plain", "callable"})


def _leave_out(tree: Any, where: tuple[int | str, ...]) -> bool:
    """Remove from *tree* what is at *where*, or the whole list it is in; False if nothing would be left."""
    steps = [step for step in where if not _is_union_step(step)]
    if not steps:
        return False
    for step in steps[:-1]:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return True
    if isinstance(tree, dict):
        return cast("dict[object, object]", tree).pop(steps[-1], _GONE) is not _GONE or len(steps) > 1
    if isinstance(tree, list):
        cast("list[object]", tree).clear()  # one wrong item spoils the numbers of those behind it
    return True


_GONE = object()


def _unknown(tree: object, kind: Any, above: tuple[str, ...]) -> Iterator[Problem]:
    """A problem for each name that is no field, with the nearest one that is."""
    if get_origin(kind) in (Union, UnionType):
        yield from _unknown_to_all(tree, get_args(kind), above)
        return
    if isinstance(tree, list | tuple) and get_args(kind):
        for index, item in enumerate(cast("Sequence[object]", tree)):
            yield from _unknown(item, get_args(kind)[0], (*above, str(index)))
    if not isinstance(tree, Mapping):
        return
    branches = cast("Mapping[object, object]", tree)
    if get_origin(kind) is not None:  # a mapping: any name may stand here, and its values are all of one kind
        inner = get_args(kind)[-1] if get_args(kind) else None
        for name, value in branches.items():
            yield from _unknown(value, inner, (*above, str(name)))
    if not is_dataclass(kind):
        return
    kinds = get_type_hints(kind)
    known = [field.name for field in fields(kind) if field.init]
    for name, value in branches.items():
        path = (*above, str(name))
        if name in known:
            yield from _unknown(value, kinds[str(name)], path)
        else:
            yield Problem(".".join(path), f"is unknown: {nearest(str(name), known)}")


def _unknown_to_all(tree: object, kinds: Sequence[Any], above: tuple[str, ...]) -> Iterator[Problem]:
    """The problems that *tree* has as the one of *kinds* that it is most like: what its tag names, if it has one."""
    tag: object = cast("Mapping[object, object]", tree).get("tag") if _is_mapping(tree) else None
    tagged = [kind for kind in kinds if tag is not None and getattr(kind, "__name__", None) == tag]
    alike = [kind for kind in tagged or kinds if _could_be(tree, kind)]
    richest_first = sorted(alike, key=lambda kind: -len(getattr(kind, "__dataclass_fields__", ())))
    found = [list(_unknown(tree, kind, above)) for kind in richest_first]
    if found:
        yield from min(found, key=len)


def _is_mapping(tree: object) -> bool:
    return isinstance(tree, Mapping)


def _could_be(tree: object, kind: Any) -> bool:
    """Has *tree* the shape of a *kind*: a record or a mapping, or a list?"""
    origin = get_origin(kind)
    if isinstance(tree, Mapping):
        return is_dataclass(kind) or origin in (dict, Mapping)
    return isinstance(tree, list | tuple) and origin in (tuple, list)


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint for somebody who wrote *name*.

    >>> nearest("max_retrys", ["max_retries", "base_s"])
    'did you mean max_retries?'
    """
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"use one of {', '.join(known)}"
