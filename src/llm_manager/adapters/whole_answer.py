"""A whole answer before and behind the reader of its dialect: what holds on every wire.

Every status of success is one (RFC 9110, 15.3): a proxy may make 201 of a POST. Those that never have a body are an
empty answer.
"""

from __future__ import annotations

from typing import Final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.http.driver import HttpAnswer
from llm_manager.domain.errors import LLMError, MalformedResponse
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target

OK: Final = 200

_WITHOUT_BODY: Final = (204, 205)


def is_success(status: int) -> bool:
    """Whether an answer of this *status* is what was asked for, and no failure.

    >>> [status for status in (200, 201, 204, 206, 301, 404) if is_success(status)]
    [200, 201, 204, 206]
    """
    return 200 <= status < 300


def has_body(status: int) -> bool:
    """Whether an answer of this *status* may say anything."""
    return status not in _WITHOUT_BODY


def read_whole(dialect: Dialect, answer: HttpAnswer, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *answer* is on the wire of *dialect*, or the error."""
    if not has_body(answer.status):
        return Failure(_empty(answer, target))
    read = dialect.read_answer(_status(answer), answer.headers, answer.body, target)
    return _named(read.unwrap(), target) if isinstance(read, Success) else read


def read_listing(dialect: Dialect, answer: HttpAnswer, target: Target) -> Outcome[tuple[str, ...], LLMError]:
    """The models that *answer* lists on the wire of *dialect*, or the error."""
    if not has_body(answer.status):
        return Failure(_empty(answer, target))
    return dialect.read_models(_status(answer), answer.headers, answer.body, target)


def _status(answer: HttpAnswer) -> int:
    """The status as dialects read it."""
    return OK if is_success(answer.status) else answer.status


def _empty(answer: HttpAnswer, target: Target) -> MalformedResponse:
    return MalformedResponse(target.model, "empty", f"status {answer.status}, which has no body")


def _named(response: LLMResponse, target: Target) -> Outcome[LLMResponse, LLMError]:
    """*response*, unless it calls a tool that it does not name: nobody could answer that call."""
    for index, call in enumerate(response.tool_calls):
        if not call.name:
            said = f"tool_calls[{index}].name: is missing or empty"
            return paid_for(Failure(MalformedResponse(target.model, "protocol", said)), response.usage)
    return Success(response)
