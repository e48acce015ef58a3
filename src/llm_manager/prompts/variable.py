"""The variables that a template file declares, and whether values fit them: every problem at once.

A type is a row in ``_FITS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from llm_manager.domain.decode import nearest
from llm_manager.domain.problem import Problem
from llm_manager.prompts.values import Data, kind_of

VariableType: TypeAlias = Literal["str", "int", "float", "bool", "list", "json"]

VARIABLE_TYPES: tuple[VariableType, ...] = get_args(VariableType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What one variable takes: a *type*, at most *max_length* characters or items, one of *choices*.

    It must be given unless it has a *default* or is *optional*, which makes it null when it is left out.
    """

    type: VariableType = "str"
    description: str = ""
    default: Any = None
    optional: bool = False
    choices: tuple[Any, ...] = ()
    max_length: int | None = None

    @property
    def required(self) -> bool:
        """Must a value be given?"""
        return self.default is None and not self.optional


def filled(declared: Mapping[str, Variable], given: Mapping[str, Data]) -> dict[str, Data]:
    """*given*, and the defaults of what it leaves out."""
    defaults: dict[str, Data] = {name: each.default for name, each in declared.items() if not each.required}
    return {**defaults, **given}


def value_problems(declared: Mapping[str, Variable], given: Mapping[str, Data]) -> Iterator[Problem]:
    """Everything that keeps *given* from being the values of what is *declared*: missing, unknown and wrong ones.

    >>> takes = {"log": Variable(max_length=3), "level": Variable(choices=("low", "high"))}
    >>> for problem in value_problems(takes, {"log": "long", "levle": "low"}):
    ...     print(problem)
    log: is 4 characters long, and at most 3 are taken
    level: is missing: give text
    levle: is unknown: did you mean level?
    """
    for name, variable in declared.items():
        if name in given:
            yield from fit_problems(variable, given[name], name)
        elif variable.required:
            yield Problem(name, f"is missing: give {_WANTED[variable.type]}")
    for name in given:
        if name not in declared:
            yield Problem(name, f"is unknown: {_hint(name, declared)}")


def _hint(name: str, declared: Mapping[str, Variable]) -> str:
    return nearest(name, list(declared)) if declared else "the template takes no variables"


def fit_problems(variable: Variable, value: Data, path: str) -> Iterator[Problem]:
    """Why *value* is none that *variable* takes."""
    if value is None and variable.optional:
        return
    if not _FITS[variable.type](value):
        yield Problem(path, f"is {kind_of(value)}: give {_WANTED[variable.type]}")
        return
    if variable.choices and value not in variable.choices:
        yield Problem(path, f"is {_shown(value)}: give one of {', '.join(map(_shown, variable.choices))}")
    most = variable.max_length
    if most is not None and isinstance(value, str | list | dict) and len(value) > most:
        unit = "characters" if isinstance(value, str) else "items"
        yield Problem(path, f"is {len(value):,} {unit} long, and at most {most:,} are taken")


def declaration_problems(variable: Variable, path: str) -> Iterator[Problem]:
    """What is wrong with the declaration itself."""
    plain = Variable(type=variable.type)
    for index, choice in enumerate(variable.choices):
        yield from fit_problems(plain, choice, f"{path}.choices.{index}")
    if variable.default is not None:
        yield from fit_problems(variable, variable.default, f"{path}.default")
        if variable.optional:
            yield Problem(f"{path}.optional", "says that null may stand for it, but it has a default: keep one of both")
    if variable.max_length is not None and variable.max_length < 1:
        yield Problem(f"{path}.max_length", f"is {variable.max_length}: give a number above 0")
    if variable.max_length is not None and variable.type in ("int", "float", "bool"):
        yield Problem(f"{path}.max_length", f"is for what has a length, and this is {_WANTED[variable.type]}")


def _shown(value: Data) -> str:
    return repr(value)[:60]


def _is_number(value: Data) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FITS: Mapping[VariableType, Callable[[Data], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": _is_number,
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "json": lambda value: value is not None,
}

_WANTED: Mapping[VariableType, str] = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "json": "JSON data",
}
