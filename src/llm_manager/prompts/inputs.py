"""What a template takes, and values of it as data: from a type of the program's own, from declarations, or from both.

A type is checked by pydantic in its strict JSON mode, so that whatever it says (``Literal``, ``Annotated`` limits,
nested records) holds at run time too; declarations by :mod:`.variable`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from returns.result import Failure, Success

from llm_manager.domain.decode import decoded, nearest
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.extraction.schema import json_schema
from llm_manager.prompts.values import Data, as_data
from llm_manager.prompts.variable import Variable, VariableType, filled, value_problems

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs(Generic[V]):
    """The variables of a template: those of the type *kind*, those *declared*, or the former checked as the latter."""

    kind: type[V] | None = None
    declared: Mapping[str, Variable] | None = None


def names(inputs: Inputs[Any]) -> tuple[str, ...]:
    """The variables a template may use, in order."""
    return tuple(inputs.declared if inputs.declared is not None else _fields(inputs.kind))


def read(inputs: Inputs[V], values: V) -> Outcome[dict[str, Data], tuple[Problem, ...]]:
    """*values* as the data that a template sees, defaults filled in; or everything that is wrong with them."""
    found = as_data(values)
    if isinstance(found, Failure):
        return found
    data = found.unwrap()
    problems: tuple[Problem, ...] = ()
    if inputs.kind is not None:
        typed = decoded(inputs.kind, data)
        problems = (*typed.problems, *_unknown(inputs.kind, data, typed.problems))
        data = {**_left_out(typed.value, data), **data}
    if inputs.declared is not None:
        told = {problem.path for problem in problems}
        more = value_problems(inputs.declared, data)
        problems = (*problems, *(problem for problem in more if problem.path not in told))
        data = filled(inputs.declared, data)
    return Failure(problems) if problems else Success(data)


def _left_out(value: object, data: Mapping[str, Data]) -> dict[str, Data]:
    """The defaults of the type for what *data*, which *value* was read from, leaves out."""
    whole = None if value is None else as_data(value)
    if not isinstance(whole, Success):
        return {}
    return {name: default for name, default in whole.unwrap().items() if name not in data}


def _unknown(kind: type[Any], data: Mapping[str, Data], problems: Sequence[Problem]) -> Iterator[Problem]:
    """The names that no field has; pydantic takes a TypedDict with more than it knows."""
    told, known = {problem.path for problem in problems}, list(_fields(kind))
    for name in data:
        if name not in known and name not in told:
            yield Problem(name, f"is unknown: {nearest(name, known)}")


def agreement_problems(inputs: Inputs[Any]) -> Iterator[Problem]:
    """How a type and the declarations it stands for differ in their names."""
    if inputs.kind is None or inputs.declared is None:
        return
    fields, said = _fields(inputs.kind), inputs.kind.__name__
    for name, variable in inputs.declared.items():
        if variable.required and name not in fields:
            yield Problem(f"variables.{name}", f"is required, and {said} has no such field")
    for name in fields:
        if name not in inputs.declared:
            yield Problem(f"variables.{name}", f"is a field of {said}, and the template declares no such variable")


def described(inputs: Inputs[Any]) -> dict[str, Variable]:
    """Every variable by name, as a file would declare it; of a type as far as a file could say it."""
    if inputs.declared is not None:
        return dict(inputs.declared)
    schema = _schema(inputs.kind)
    required = schema.get("required", ())
    return {name: _variable(part, required=name in required) for name, part in _fields(inputs.kind).items()}


def _variable(said: Mapping[str, Any], *, required: bool) -> Variable:
    forms = [form for form in said.get("anyOf", ()) if form.get("type") != "null"]
    schema = {**forms[0], **said} if len(forms) == 1 else said
    most = schema.get("maxLength", schema.get("maxItems"))
    default = schema.get("default")
    return Variable(
        type=_TYPES.get(schema.get("type", ""), "json"),
        description=schema.get("description", ""),
        default=default,
        optional=not required and default is None,
        choices=tuple(schema.get("enum", ())),
        max_length=most,
    )


_TYPES: Mapping[str, VariableType] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
}


def _fields(kind: type[Any] | None) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", _schema(kind).get("properties", {}))


def _schema(kind: type[Any] | None) -> Mapping[str, Any]:
    return {} if kind is None else _object_schema(cast("Hashable", kind))


@lru_cache(maxsize=256)
def _object_schema(kind: Hashable) -> Mapping[str, Any]:
    schema = json_schema(cast("type[Any]", kind))
    named = str(schema.get("$ref", "")).rpartition("/")[2]  # a type that holds itself stands under a name
    return cast("Mapping[str, Any]", schema.get("$defs", {}).get(named, schema))
