"""A record with some fields changed: ``dataclasses.replace`` for the path of every request, in a third of its time.

It copies slots and runs no ``__init__``, which for the records of this library only stores what it is given. Checkers
see ``dataclasses.replace``, and hold every use of it to the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

Slot: TypeAlias = tuple[Callable[[object, object], None], Callable[[object], object]]


def _changed(record: object, /, **changes: Any) -> Any:
    """*record* with *changes*, a new one; ``AttributeError`` for a field that it does not have.

    >>> from llm_manager.domain.response import Usage
    >>> _changed(Usage(prompt_tokens=1), completion_tokens=2) == Usage(prompt_tokens=1, completion_tokens=2)
    True
    """
    kind = type(record)
    slots = _KNOWN[kind] if kind in _KNOWN else _learnt(kind)
    if slots is None:
        return replace(cast("Any", record), **changes)
    copy = object.__new__(kind)
    for store, read in slots:
        store(copy, read(record))
    for name, value in changes.items():
        object.__setattr__(copy, name, value)
    return copy


_KNOWN: dict[type[object], Sequence[Slot] | None] = {}
"""How each field of a class is stored and read; None of a class, a user's own perhaps, whose making does more."""


def _learnt(kind: type[object]) -> Sequence[Slot] | None:
    slots = [getattr(kind, each.name, None) for each in fields(cast("type[Any]", kind))]
    if hasattr(kind, "__post_init__") or not all(isinstance(slot, MemberDescriptorType) for slot in slots):
        _KNOWN[kind] = None
    else:
        _KNOWN[kind] = tuple((slot.__set__, slot.__get__) for slot in slots if slot is not None)
    return _KNOWN[kind]


if TYPE_CHECKING:
    changed = replace
else:
    changed = _changed
