"""From a text to a value of a type: any type a pydantic ``TypeAdapter`` takes.

The rule: the schema decides. Of several values in a text the best ranked one that validates is taken; values are
validated in JSON mode, so that what JSON cannot say (dates, tuples, sets, enums) is read from what it can. Coercions
beyond pydantic's own are opt-in and listed, none is silent: see :mod:`.coerce`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, cast

from returns.result import Failure, Success

from llm_manager.domain.errors import ExtractionFailed, SchemaMismatch
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem, listed
from llm_manager.extraction.coerce import ENUM_NAMES, Coercion, coerced
from llm_manager.extraction.extract import LONGEST_TEXT, ranked
from llm_manager.extraction.extracted import Extracted, JsonValue, Span
from llm_manager.extraction.problems import problems_of
from llm_manager.extraction.strict import Read, may_overflow, read_whole

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
    from pydantic_core import core_schema

T = TypeVar("T")

_RIVALS: Final = 8
"""How many other values are held against one that fits, to tell whether it was the only one."""

Schema: TypeAlias = "type[T] | TypeAdapter[T]"
"""A pydantic model, dataclass, TypedDict, enum, ``list[int]``...; wrap unions and other forms in a ``TypeAdapter``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded(Generic[T]):
    """A *value* of the schema, the JSON it was read from, and what was coerced on the way."""

    value: T
    source: Extracted
    coercions: tuple[Coercion, ...] = ()


def extract_with_schema(
    text: str, schema: Schema[T], *, coerce: bool = False
) -> Outcome[T, ExtractionFailed | SchemaMismatch]:
    """The value of *schema* that *text* holds; ``decode_text`` says more about how it was read.

    Fails with ``ExtractionFailed`` when there is no value, and with ``SchemaMismatch`` when there is but the schema
    refuses it: the problems are those of the most likely value.

    >>> extract_with_schema("The scores: [1, 2, 3]", list[int])
    <Success: [1, 2, 3]>
    """
    adapter = adapter_of(schema)
    whole = _whole(text, adapter)
    if whole:
        return Success(whole[0])
    match _searched(text, adapter, coerce=coerce):
        case Success(decoded):
            return Success(decoded.value)
        case Failure(error):
            return Failure(error)


def decode_text(
    text: str, schema: Schema[T], *, coerce: bool = False
) -> Outcome[Decoded[T], ExtractionFailed | SchemaMismatch]:
    """The value of *schema* that *text* holds, with its source; *coerce* opts in to the listed coercions."""
    adapter = adapter_of(schema)
    whole, read = _whole(text, adapter), read_whole(text)
    if whole and isinstance(read, Read):
        source = Extracted(value=read.value, span=Span(0, len(text)), whole_text=True)
        return Success(Decoded(value=whole[0], source=source))
    return _searched(text, adapter, coerce=coerce)


def _searched(
    text: str, adapter: TypeAdapter[T], *, coerce: bool
) -> Outcome[Decoded[T], ExtractionFailed | SchemaMismatch]:
    match ranked(text):
        case Failure(error):
            return Failure(error)
        case Success(candidates):
            return _first_fit(text, adapter, _unwrapped(candidates, adapter), coerce=coerce)


def validate(value: JsonValue, schema: Schema[T]) -> Outcome[T, tuple[Problem, ...]]:
    """*value* as the schema sees it, in JSON mode, or every problem it has.

    >>> [str(problem) for problem in validate({"a": "x"}, dict[str, int]).failure()]
    ['a: found "x"; wanted a valid integer, unable to parse string as an integer']
    """
    from pydantic_core import to_json  # noqa: PLC0415  # lazily: importing the package stays cheap

    try:
        data = to_json(value)
    except ValueError as error:  # half a surrogate pair, or more than 254 levels, which pydantic does not read either
        return Failure((Problem("", f"cannot be written as JSON: {error}"),))
    return _validated(data, adapter_of(schema))


def validate_text(text: str, schema: Schema[T]) -> Outcome[T, tuple[Problem, ...]]:
    """*text*, which is JSON and nothing else, as the schema sees it, or every problem it has."""
    return _validated(text, adapter_of(schema))


def json_schema(schema: Schema[Any]) -> Mapping[str, Any]:
    """The JSON schema of the values that *schema* accepts, to send to a provider.

    Raises what pydantic raises for a type that has none, such as a callable: a fault of the program, not of the text.

    >>> json_schema(list[int])
    {'items': {'type': 'integer'}, 'type': 'array'}
    """
    return adapter_of(schema).json_schema(mode="validation")


def adapter_of(schema: Schema[T]) -> TypeAdapter[T]:
    """The validator of *schema*, built once for each type."""
    from pydantic import TypeAdapter  # noqa: PLC0415  # lazily, as above

    if isinstance(schema, TypeAdapter):
        return schema
    try:
        return cast("TypeAdapter[T]", _adapter(cast("Hashable", schema)))
    except TypeError:  # a type that cannot be hashed, such as one annotated with a list
        if isinstance(schema, Mapping):
            said = "LLMRequest(response_format=JsonSchema(...)) sends a JSON schema as it is"
            raise TypeError(f"a schema is a type, such as a dataclass, and not a dict: {said}") from None
        return TypeAdapter(schema)


@lru_cache(maxsize=256)
def _adapter(schema: Hashable) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  # lazily, as above

    return TypeAdapter[Any](cast("type[Any]", schema))


def _validated(data: str | bytes, adapter: TypeAdapter[T]) -> Outcome[T, tuple[Problem, ...]]:
    from pydantic import ValidationError  # noqa: PLC0415  # lazily, as above

    try:
        return Success(adapter.validate_json(data))
    except ValidationError as error:
        return Failure(problems_of(error))


def _whole(text: str, adapter: TypeAdapter[T]) -> tuple[T] | None:
    """The whole text at once, which is the fastest way when it is JSON that fits."""
    from pydantic import ValidationError  # noqa: PLC0415  # lazily, as above

    if len(text) > LONGEST_TEXT or "NaN" in text or "Infinity" in text:  # which pydantic takes for JSON
        return None
    try:
        value = adapter.validate_json(text)
    except (ValidationError, TypeError, ValueError):  # not JSON or does not fit; a lone surrogate is no UTF-8
        return None
    return None if may_overflow(text.encode()) else (value,)


def _first_fit(
    text: str, adapter: TypeAdapter[T], candidates: tuple[Extracted, ...], *, coerce: bool
) -> Outcome[Decoded[T], SchemaMismatch]:
    first: tuple[Problem, ...] = ()
    for number, found in enumerate(candidates):
        match validate(found.value, adapter):
            case Success(value):
                rivals = candidates[number + 1 : number + 1 + _RIVALS]
                rival = any(each.value != found.value and _fits(each, adapter) for each in rivals)
                return Success(Decoded(value=value, source=replace(found, ambiguous=found.ambiguous or rival)))
            case Failure(problems):
                first = first or problems
    if coerce and (fitted := _coerced_fit(adapter, candidates)) is not None:
        return Success(fitted)
    return Failure(SchemaMismatch(text, first, listed(first)))


def _fits(found: Extracted, adapter: TypeAdapter[T]) -> bool:
    return isinstance(validate(found.value, adapter), Success)


def _coerced_fit(adapter: TypeAdapter[T], candidates: tuple[Extracted, ...]) -> Decoded[T] | None:
    """The candidate that fits at the smallest cost of coercion; of equals the better ranked one."""
    wanted = adapter.json_schema(mode="validation", schema_generator=_with_enum_names())
    fits: list[tuple[int, Decoded[T]]] = []
    for found in candidates:
        bent = coerced(found.value, wanted)
        match validate(bent.value, adapter):
            case Success(value):
                cost = sum(each.cost for each in bent.coercions)
                fits.append((cost, Decoded(value=value, source=found, coercions=bent.coercions)))
            case Failure(_):
                pass
    return min(fits, key=lambda fit: fit[0])[1] if fits else None


@cache
def _with_enum_names() -> type[GenerateJsonSchema]:
    from pydantic.json_schema import GenerateJsonSchema  # noqa: PLC0415  # lazily, as above

    class Named(GenerateJsonSchema):
        def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
            return {**super().enum_schema(schema), ENUM_NAMES: [member.name for member in schema["members"]]}

    return Named


def _unwrapped(candidates: tuple[Extracted, ...], adapter: TypeAdapter[T]) -> tuple[Extracted, ...]:
    """A whole answer that is a JSON string holding JSON is opened, when the schema wants no string."""
    only = candidates[0]
    if len(candidates) > 1 or not isinstance(only.value, str):
        return candidates
    match ranked(only.value):
        case Success(inner):
            return (only, *inner)
        case Failure(_):
            return candidates
