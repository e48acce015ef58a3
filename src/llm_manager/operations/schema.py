"""Ask for a value of a type, and ask again, saying what is wrong, until there is one."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from returns.result import Failure, Success

from llm_manager.combinators.observed import named
from llm_manager.combinators.timeout import deadline
from llm_manager.domain.arguments import check_count, check_request
from llm_manager.domain.changed import changed
from llm_manager.domain.errors import ExtractionFailed, LLMError, ResponseTruncated, SchemaMismatch
from llm_manager.domain.events import Reasked
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import JsonSchema, LLMRequest, Message
from llm_manager.domain.response import LLMResponse
from llm_manager.effect.context import Context, Op, emit
from llm_manager.effect.op import effect, run
from llm_manager.operations.chain import LAST_WORDS_S, limit_s
from llm_manager.operations.generate import generate
from llm_manager.policies.strict_schema import WRAPPED, answer_format, is_object

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from llm_manager.extraction import Schema

T = TypeVar("T")


def query_with_schema(request: LLMRequest, schema: Schema[T], max_reasks: int = 2) -> Op[T]:
    """A value of *schema*: a pydantic model, dataclass, TypedDict, or any type a ``TypeAdapter`` takes.

    Each model is held to it by the strongest means it has. An answer that does not fit is sent back with its problems,
    at most *max_reasks* times; then the failure is ``SchemaMismatch`` or ``ExtractionFailed``. An answer that was cut
    off at its token limit is ``ResponseTruncated`` at once, for asking again would be cut off again. Asking again
    happens within the one deadline of the request.
    """
    check_request(request)
    takes = "query_with_schema takes how often to ask again, 0 or more"
    check_count(max_reasks, takes, "query_with_schema(request, schema, max_reasks=2)", least=0)
    wanted = wanted_of(schema)

    async def querying(context: Context) -> Outcome[T, LLMError]:
        asked = replace(request, response_format=wanted.format)
        for round_ in range(max_reasks + 1):
            answered = await run(generate(asked), context)
            if isinstance(answered, Failure):
                return answered
            response = answered.unwrap()
            value = value_of(response, schema)
            if isinstance(value, Success):
                return value
            error = value.failure()
            if round_ == max_reasks or not _is_worth_asking_again(response, error):
                return Failure(error)
            emit(context, Reasked(at_s=context.clock.monotonic(), round=round_ + 1, error=error, run=context.run))
            asked = _asked_again(asked, response, error)
        raise AssertionError("the last round returns")

    async def bounded(context: Context) -> Outcome[T, LLMError]:
        within = context.strand("query_with_schema", request)
        asking = deadline(limit_s(context, request), grace_s=LAST_WORDS_S)(effect(querying))
        return await named("query_with_schema", asking, within)

    return effect(bounded)


class Wanted(NamedTuple):
    """How a value is asked for, and whether it comes under an object that is put around it."""

    format: JsonSchema
    is_wrapped: bool


def wanted_of(schema: Schema[Any]) -> Wanted:
    """How to ask for a value of *schema*: worked out once for each type."""
    from llm_manager.extraction.schema import adapter_of  # noqa: PLC0415  # only who wants values pays for its tables

    return _wanted(adapter_of(schema))


@lru_cache(maxsize=256)
def _wanted(adapter: TypeAdapter[Any]) -> Wanted:
    from llm_manager.extraction import json_schema  # noqa: PLC0415  # as above

    schema = json_schema(adapter)
    return Wanted(answer_format(schema), not is_object(schema))


def value_of(
    response: LLMResponse, schema: Schema[T]
) -> Outcome[T, ExtractionFailed | SchemaMismatch | ResponseTruncated]:
    """The value of *schema* that *response* holds, or why it holds none, with what the response has used."""
    found = _value_of(response, schema)
    if isinstance(found, Success):
        return found
    return Failure(changed(found.failure(), usage=response.usage))


def _value_of(
    response: LLMResponse, schema: Schema[T]
) -> Outcome[T, ExtractionFailed | SchemaMismatch | ResponseTruncated]:
    from llm_manager.extraction import extract_with_schema, validate_text  # noqa: PLC0415  # as above

    if response.finish_reason == "refusal":
        return Failure(ExtractionFailed(response.content, message="the model refused to answer"))
    if response.finish_reason == "length":  # a limit reached exactly at the end cuts nothing off
        for text in (response.content, _bare(response.content)):
            whole = validate_text(text, schema)
            if isinstance(whole, Success):
                return whole
        return Failure(ResponseTruncated(response.content))
    if response.finish_reason == "unknown" and not _is_json(response.content):
        said = "nothing says that the answer is whole, and it is not whole JSON"
        return Failure(ExtractionFailed(response.content, message=said))
    bare = _bare(response.content)
    found = extract_with_schema(bare, schema)
    if isinstance(found, Success) or bare is response.content:
        return found
    return extract_with_schema(response.content, schema)


def _is_json(content: str) -> bool:
    from pydantic_core import from_json  # noqa: PLC0415  # as above

    try:
        from_json(content)
    except (ValueError, TypeError):
        return False
    return True


def _bare(content: str) -> str:
    """What stands under the object that :func:`answer_format` put around a schema that is none, if that is all."""
    from pydantic_core import from_json, to_json  # noqa: PLC0415  # as above

    try:
        answer = from_json(content)
    except (ValueError, TypeError):
        return content
    if isinstance(answer, dict) and list(cast("dict[str, object]", answer)) == [WRAPPED]:
        return to_json(answer[WRAPPED]).decode()
    return content


def _is_worth_asking_again(response: LLMResponse, error: LLMError) -> bool:
    return not isinstance(error, ResponseTruncated) and response.finish_reason != "refusal"


def _asked_again(asked: LLMRequest, response: LLMResponse, error: LLMError) -> LLMRequest:
    """The conversation so far, and what is wrong with its last answer."""
    from llm_manager.extraction import reask  # noqa: PLC0415  # as above

    problems = error.problems if isinstance(error, SchemaMismatch) else (Problem("", error.message or error.tag),)
    said = (Message(role="user", content=asked.prompt),) if asked.prompt else ()
    answer = Message(role="assistant", content=response.content)
    return replace(asked, messages=(*asked.messages, *said, answer), prompt=reask(problems))
