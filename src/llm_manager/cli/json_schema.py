"""A JSON schema from a file, as a type that values can be held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from returns.result import Failure, Success

from llm_manager import Outcome

if TYPE_CHECKING:
    from pydantic import TypeAdapter


_TOO_DEEP: Final = "is nested too deep"


def read_schema(name: str) -> Outcome[TypeAdapter[Any], str]:
    """The type whose values satisfy the schema in the file *name*, or what is wrong with it."""
    try:
        schema: Any = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as bad:
        return Failure(f"{name}: cannot be read: {bad.strerror}")
    except ValueError as bad:
        return Failure(f"{name}: is not JSON: {bad}")
    except RecursionError:
        return Failure(f"{name}: {_TOO_DEEP}")
    if not isinstance(schema, dict):  # true and false are schemas, but no vendor takes them
        return Failure(f"{name}: is no JSON schema of an answer: write an object")
    try:
        from jsonschema.exceptions import SchemaError  # noqa: PLC0415  # an extra: only who checks against a file needs it
    except ImportError:
        return Failure("schemas from files need a validator: pip install 'llm-manager[cli]'")
    try:
        _validator_of(schema).check_schema(schema)
    except (SchemaError, TypeError, AttributeError) as bad:
        return Failure(f"{name}: is no JSON schema: {str(bad).splitlines()[0]}")
    except RecursionError:
        return Failure(f"{name}: {_TOO_DEEP}")
    type_ = _type_of(schema)
    if isinstance(type_, str):
        return Failure(f"{name}: {type_}")
    return Success(type_)


def _validator_of(schema: Any) -> Any:
    from jsonschema.validators import validator_for  # noqa: PLC0415  # as above

    choose: Any = validator_for
    return choose(schema)


def _type_of(schema: Any) -> TypeAdapter[Any] | str:
    """The type of the values that satisfy *schema*, or why nothing can be held to it. Nothing is fetched for it."""
    from pydantic import AfterValidator, TypeAdapter, WithJsonSchema  # noqa: PLC0415  # as above
    from referencing.jsonschema import EMPTY_REGISTRY  # noqa: PLC0415  # as above

    # without a registry, the validator would go and get what the schema refers to
    validator = _validator_of(schema)(schema, registry=EMPTY_REGISTRY)

    def check(value: Any) -> Any:
        wrong = _wrong(validator, value)
        if wrong:
            raise ValueError("; ".join(wrong))
        return value

    try:
        _wrong(validator, None)
    except ValueError as bad:
        return str(bad)
    return TypeAdapter(Annotated[Any, AfterValidator(check), WithJsonSchema(schema)])


def _wrong(validator: Any, value: Any) -> list[str]:
    """What the schema says against *value*; raises ``ValueError`` when it leads nowhere."""
    from referencing.exceptions import Unresolvable  # noqa: PLC0415  # as above

    try:
        return [f"{each.json_path}: {each.message}" for each in validator.iter_errors(value)]
    except Unresolvable as bad:
        raise ValueError(f"refers to {bad.ref!r}, which is not in this file: put it under $defs") from bad
    except RecursionError as bad:
        raise ValueError("refers to itself without end") from bad
