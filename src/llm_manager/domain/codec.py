"""Domain values as JSON text and back, and requests from JSON-like data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast, overload

from returns.result import Failure, Success

from llm_manager.domain.decode import adapter, decoded
from llm_manager.domain.errors import InvalidRequest
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_problems import request_problems

A = TypeVar("A")


def to_json(value: object) -> str:
    """*value*, any record of this library, as JSON. Cases of a union carry their ``tag``, bytes become base64, and half
    a character, which no JSON can hold, a question mark.

    >>> from llm_manager.domain.errors import ServerError
    >>> to_json(ServerError("gpt", 503, "busy"))
    '{"model":"gpt","status_code":503,"message":"busy","retry_after_s":null,"tag":"ServerError"}'
    """
    from pydantic_core import PydanticSerializationError  # noqa: PLC0415  # heavy, and only who encodes needs it

    form = adapter(cast("Any", type(value)))
    try:
        return form.dump_json(value).decode()
    except PydanticSerializationError:  # half of a surrogate pair
        tree = form.dump_python(value, mode="json")
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()


@overload
def from_json(kind: type[A], text: str | bytes) -> Outcome[A, InvalidRequest]: ...
@overload
def from_json(kind: Any, text: str | bytes) -> Outcome[Any, InvalidRequest]: ...
def from_json(kind: Any, text: str | bytes) -> Outcome[Any, InvalidRequest]:
    """The *kind*, a record or a union of records such as ``LLMError``, that *text* holds.

    Text that holds none comes back as ``InvalidRequest`` with every problem and its path.
    """
    from pydantic import ValidationError  # noqa: PLC0415  # heavy, and only who decodes something needs it

    try:
        return Success(adapter(kind).validate_json(text))
    except ValidationError as bad:
        problems = (Problem(".".join(map(str, error["loc"])), error["msg"]) for error in bad.errors())
        return Failure(InvalidRequest(tuple(problems)))


def parse_request(mapping: Mapping[str, object]) -> Outcome[LLMRequest, InvalidRequest]:
    """The request that *mapping* describes: the fields of :class:`LLMRequest`, images as base64 text.

    Every problem is named at once: of its shape, and of what it asks.
    """
    read = decoded(LLMRequest, mapping)
    problems = list(read.problems)
    if read.value is not None:
        problems.extend(_about_what_was_read(read.value, problems))
    if problems or read.value is None:
        return Failure(InvalidRequest(tuple(problems)))
    return Success(read.value)


def _about_what_was_read(request: LLMRequest, shape: list[Problem]) -> tuple[Problem, ...]:
    """What the request asks wrongly, except of parts that were left out for their shape: fields, or whole lists."""
    told = {problem.path for problem in shape}
    lists = {path.split(".")[0] for path in told} & {"messages", "tools"}
    if "messages" in lists:
        told.add("prompt")  # whether it may be empty depends on them
    return tuple(
        problem
        for problem in request_problems(request)
        if problem.path not in told and problem.path.split(".")[0] not in lists
    )
